"""The CIB as a tree: its sections, call options, result codes and the empty document.

Daemons specification, 2.1 (empty CIB), 2.2 (options and codes) and 2.5 (section lookup).
"""

from __future__ import annotations

import re
from copy import deepcopy
from enum import IntEnum, IntFlag

from lxml import etree

from hashell.model.scores import add_scores, score
from hashell.model.version import FEATURE_SET

HIGHEST_SCHEMA = "pacemaker-4.0"


class CallOption(IntFlag):
    """Bits of `cib_callopt`."""

    NONE = 0
    VERBOSE = 1
    XPATH = 2
    MULTIPLE = 4
    CAN_CREATE = 8
    DISCARD_REPLY = 16
    NO_CHILDREN = 32
    XPATH_ADDRESS = 64
    SCOPE_LOCAL = 256
    DRYRUN = 512
    TRANSACTION = 1024
    SCORE_UPDATE = 2048
    SYNC_CALL = 4096
    NO_MTIME = 8192
    INHIBIT_NOTIFY = 65536
    FORCE_DIFF = 1 << 28


class Rc(IntEnum):
    """Results of CIB operations as they travel: 0, a negative errno or a negative legacy code."""

    OK = 0
    EPERM = -1
    ENXIO = -6
    EACCES = -13
    EEXIST = -17
    EINVAL = -22
    EPROTO = -71
    EPROTONOSUPPORT = -93
    EOPNOTSUPP = -95
    ENOTCONN = -107
    ETIMEDOUT = -110
    GENERIC = -201
    NO_QUORUM = -202
    SCHEMA_VALIDATION = -203
    TRANSFORM_FAILED = -204
    OLD_DATA = -205
    DIFF_FAILED = -206
    DIFF_RESYNC = -207
    CIB_MODIFIED = -208
    SCHEMA_UNCHANGED = -211
    CIB_CORRUPT = -212
    UNKNOWN_FORMAT = -217


_RC_TEXT = {
    -1: "Operation not permitted",
    -6: "No such device or address",
    -13: "Permission denied",
    -17: "File exists",
    -22: "Invalid argument",
    -71: "Protocol error",
    -93: "Protocol not supported",
    -95: "Operation not supported",
    -107: "Not connected",
    -110: "Timed out",
    -201: "Generic Pacemaker error",
    -202: "Operation requires quorum",
    -203: "Update does not conform to the configured schema",
    -204: "Schema transform failed",
    -205: "Update was older than existing configuration",
    -206: "Application of update diff failed",
    -207: "Application of update diff failed, requesting full refresh",
    -208: "Could not parse on-disk configuration",
    -211: "Schema is already the latest available",
    -212: "On-disk configuration is corrupt",
    -217: "Unknown output format",
}


def rc_text(rc: int) -> str:
    """The words for a result code."""
    return "OK" if rc == 0 else _RC_TEXT.get(rc, f"Error {rc}")


#: Sections below `/cib/configuration`.
CONFIGURATION_SECTIONS = (
    "crm_config",
    "nodes",
    "resources",
    "constraints",
    "op_defaults",
    "rsc_defaults",
    "acls",
    "fencing-topology",
    "tags",
    "alerts",
)

_NO_SECTION = ("", "all")


def section_path(section: str | None) -> str | None:
    """The path of a section from the root, `/cib` for none at all, or None for a name nobody knows."""
    if section is None or section in _NO_SECTION or section == "cib":
        return "/cib"
    if section in ("configuration", "status"):
        return f"/cib/{section}"
    return f"/cib/configuration/{section}" if section in CONFIGURATION_SECTIONS else None


def find_section(cib: etree._Element, section: str | None) -> etree._Element | None:
    """The element of a section, or None when the name is unknown or the CIB has none."""
    path = section_path(section)
    if path is None:
        return None
    below = path.removeprefix("/cib").lstrip("/")
    return cib.find(below) if below else cib


def ensure_section(cib: etree._Element, section: str | None) -> etree._Element | None:
    """Like find_section, but a known section that is missing is appended."""
    path = section_path(section)
    if path is None:
        return None
    node = cib
    for name in path.split("/")[2:]:
        child = node.find(name)
        node = etree.SubElement(node, name) if child is None else child
    return node


def empty_cib(schema: str = HIGHEST_SCHEMA, admin_epoch: int = 0) -> etree._Element:
    """The CIB of a cluster that has none yet; attribute order matters for digests."""
    cib = etree.Element("cib")
    for name, value in (
        ("crm_feature_set", FEATURE_SET),
        ("validate-with", schema),
        ("epoch", "0"),
        ("num_updates", "0"),
        ("admin_epoch", str(admin_epoch)),
    ):
        cib.set(name, value)
    configuration = etree.SubElement(cib, "configuration")
    for name in ("crm_config", "nodes", "resources", "constraints"):
        etree.SubElement(configuration, name)
    etree.SubElement(cib, "status")
    return cib


def copy_tree(element: etree._Element) -> etree._Element:
    """An independent copy without the text that followed the element."""
    copy = deepcopy(element)
    copy.tail = None
    return copy


def shallow(element: etree._Element) -> etree._Element:
    """The element with its attributes and nothing inside."""
    copy = etree.Element(element.tag)
    for name, value in attributes(element).items():
        copy.set(name, value)
    return copy


def attributes(element: etree._Element) -> dict[str, str]:
    """The attributes as plain text, in document order."""
    return {str(name): str(value) for name, value in element.items()}


_HAS_TEXT = etree.XPath("boolean(.//text())")


def strip_text(root: etree._Element) -> None:
    """Remove text nodes: a CIB has only elements, attributes and comments."""
    if not _HAS_TEXT(root):
        return
    for node in root.iter():
        if isinstance(node.tag, str):
            node.text = None
        if node is not root:
            node.tail = None


def nodes_matching(root: etree._Element, expression: str) -> list[etree._Element]:
    """The elements an XPath selects in document order; raises ValueError when it is not an XPath.

    A relative expression starts at the document, as with the peers: `cib/status` is `/cib/status`.
    """
    if expression[:1].isalpha() or expression[:1] in ("*", "_"):
        expression = "/" + expression
    try:
        found = root.getroottree().xpath(expression)
    except etree.XPathError as error:
        raise ValueError(f"not an XPath expression: {expression!r}: {error}") from error
    if not isinstance(found, list):
        return []
    return [_element_of(node) for node in found if isinstance(node, etree._Element) or hasattr(node, "getparent")]


def _element_of(node: object) -> etree._Element:
    return node if isinstance(node, etree._Element) else node.getparent()  # type: ignore[attr-defined]


_SCORE_PLUS = re.compile(r"\+=(.*)\Z", re.DOTALL)

def expand_score(name: str, old: str | None, value: str) -> str:
    """The new text of attribute `name` when `value` is `NAME++` or `NAME+=N`; any other value is literal."""
    if not value.startswith(name):
        return value
    rest = value[len(name) :]
    if rest == "++":
        amount = 1
    elif match := _SCORE_PLUS.match(rest):
        amount = score(match.group(1))
    else:
        return value
    return str(add_scores(score(old), amount))
