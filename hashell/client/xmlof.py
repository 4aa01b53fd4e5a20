"""A document of a reading command as XML, made from what its JSON form holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from hashell.model.xmltext import pretty


def xml_of(tag: str, data: Mapping[str, Any], entries: Mapping[str, str]) -> str:
    """The document without its last line end. Plain values become attributes, and lists and objects elements.

    entries: name of a list -> tag of one entry of it; names that are missing here are tags themselves. An entry that
    is a plain value stands in the attribute `value`; what stands below a key of an object has it in `name`.
    """
    return pretty(_element(tag, data, entries)).rstrip("\n")


def _element(tag: str, data: Mapping[str, Any], entries: Mapping[str, str]) -> etree._Element:
    element = etree.Element(tag)
    for name, value in data.items():
        if isinstance(value, Mapping):
            part = etree.SubElement(element, name)
            for key, inner in value.items():
                part.append(_entry(entries.get(name, name), inner, entries, key))
        elif isinstance(value, list | tuple):
            part = etree.SubElement(element, name)
            part.extend(_entry(entries.get(name, name), inner, entries) for inner in value)
        elif value is not None:
            element.set(name, _text(value))
    return element


def _entry(tag: str, value: Any, entries: Mapping[str, str], name: str = "") -> etree._Element:
    if isinstance(value, Mapping):
        element = _element(tag, value, entries)
    elif isinstance(value, list | tuple):
        element = etree.Element(tag)
        element.extend(_entry(entries.get(tag, "item"), inner, entries) for inner in value)
    else:
        element = etree.Element(tag, value=_text(value))
    if name:
        element.set("name", name)
    return element


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
