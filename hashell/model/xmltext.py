"""CIB XML as text, byte for byte as Pacemaker writes it: digests and wire messages depend on the exact form.

The compact form has no white space between elements, attributes in document order, empty elements as `<a/>`
(daemons specification, section 1.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO

from lxml import etree

_Writer = Callable[[str], object]
_ATTRIBUTE = re.compile(r'[<>&"\x01-\x1f\x7f]')
_TEXT = re.compile(r"[<>&\x01-\x08\x0b-\x1f\x7f]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;"}


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    return _NAMED.get(char) or f"&#x{ord(char):02X};"


def escape_attribute(value: str) -> str:
    """The value as it stands between double quotes."""
    return _ATTRIBUTE.sub(_escape, value)


def escape_text(value: str) -> str:
    """The value as it stands between tags: quotes, newlines and tabs stay as they are."""
    return _TEXT.sub(_escape, value)


def representable(text: str) -> str:
    """`text` with every character that XML cannot carry replaced by U+FFFD: agents print what they like."""
    return _NOT_XML.sub("\ufffd", text)


_HAS_TEXT = etree.XPath("boolean(.//text())")


def compact(element: etree._Element, omit: frozenset[str] = frozenset()) -> str:
    """The compact text of `element`, leaving out attributes named in `omit` everywhere in the tree.

    Most trees can be left to libxml2, ten times as fast; those where it would write another form are written here.
    """
    text = etree.tostring(element, encoding="unicode", with_tail=False)
    if "&#" not in text and "\x7f" not in text and "<?" not in text and "xmlns" not in text and not _HAS_TEXT(element):
        if not omit:
            return text
        names = "|".join(sorted(re.escape(name) for name in omit))
        # A quote followed by one of these may be the end of a value that looks like the beginning of another.
        if not re.search(f' (?:{names})="[ />]', text):
            return re.sub(f' (?:{names})="[^"]*"', "", text)
    out = StringIO()
    _write(element, out.write, omit)
    return out.getvalue()


def _write(element: etree._Element, write: _Writer, omit: frozenset[str]) -> None:
    tag = element.tag
    if not isinstance(tag, str):
        if isinstance(element, etree._Comment):
            write(f"<!--{element.text}-->")
        return
    write(f"<{tag}")
    for name, value in element.items():
        if name not in omit:
            write(f' {str(name)}="{_ATTRIBUTE.sub(_escape, str(value))}"')
    text = element.text if element.text and not element.text.isspace() else None
    if text is None and not len(element):
        write("/>")
        return
    write(">")
    if text is not None:
        write(_TEXT.sub(_escape, text))
    for child in element:
        _write(child, write, omit)
    write(f"</{tag}>")


def pretty(element: etree._Element, level: int = 0) -> str:
    """Two spaces a level, one element a line, trailing newline: the form of CIB files and `cibadmin -Q`."""
    out = StringIO()
    _write_pretty(element, out.write, level)
    return out.getvalue()


def _write_pretty(element: etree._Element, write: _Writer, level: int) -> None:
    indent = "  " * level
    if not isinstance(element.tag, str):
        if isinstance(element, etree._Comment):
            write(f"{indent}<!--{element.text}-->\n")
        return
    write(f"{indent}<{element.tag}")
    for name, value in element.attrib.items():
        write(f' {str(name)}="{_ATTRIBUTE.sub(_escape, str(value))}"')
    text = element.text if element.text and not element.text.isspace() else None
    if text is None and not len(element):
        write("/>\n")
        return
    write(">")
    if text is not None:
        write(_TEXT.sub(_escape, text))
    if len(element):
        write("\n")
        for child in element:
            _write_pretty(child, write, level + 1)
        write(indent)
    write(f"</{element.tag}>\n")


def parse(data: str | bytes) -> etree._Element:
    """Parse one document, with no network, no entities and white space between elements dropped.

    Raises lxml.etree.XMLSyntaxError when the text is not well-formed.
    """
    parser = etree.XMLParser(
        remove_blank_text=True, resolve_entities=False, no_network=True, huge_tree=True, remove_pis=True
    )
    return etree.fromstring(data.encode() if isinstance(data, str) else data, parser)
