"""Which nodes a device can fence, as written in its parameters or printed by its agent (daemons spec, section 5.1)."""

from __future__ import annotations

import re

_ENTRY_END = re.compile(r"[^A-Za-z0-9_.\-]")
_SEPARATORS = re.compile(r"[\s,;]+")
_SKIPPED_ENTRIES = frozenset({"on", "off"})


def parse_host_list(text: str) -> list[str]:
    """Names in pcmk_host_list or in the output of the action `list`, in order, each once.

    Lines that speak of something invalid or variable are skipped; an entry ends at the first character that cannot
    be in a name. So both columns of `name,alias` become targets.
    """
    found: dict[str, None] = {}
    for line in text.replace("\\n", "\n").split("\n"):
        if "invalid" in line or "variable" in line:
            continue
        for entry in _SEPARATORS.split(line):
            name = _ENTRY_END.split(entry, maxsplit=1)[0]
            if name and name not in _SKIPPED_ENTRIES:
                found[name] = None
    return list(found)


def parse_host_map(text: str) -> dict[str, str]:
    """pcmk_host_map as node (lower case) to port: `node:port` or `node=port`, separated by `;`, space or tab.

    A backslash takes the next character as it is; a port may hold commas. Parts that are no pair are left out.
    """
    pairs: dict[str, str] = {}
    name, current, escaped = "", "", False
    for char in [*text, ";"]:
        if escaped:
            current, escaped = current + char, False
        elif char == "\\":
            escaped = True
        elif char in ":=" and not name:
            name, current = current, ""
        elif char in "; \t\n":
            if name and current:
                pairs[name.lower()] = current
            name = current = ""
        else:
            current += char
    return pairs


def delay_base_seconds(text: str, target: str) -> int:
    """pcmk_delay_base for a target: a plain duration, or a map such as `node1:5;node2:10s` (0 for nodes not in it)."""
    if ":" in text or "=" in text:
        text = parse_host_map(text).get(target.lower(), "0")
    return seconds(text) or 0


def seconds(text: str | None) -> int | None:
    """A duration of a fence parameter in whole seconds: a bare number is seconds. None when it is none."""
    match = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]*)\s*", text or "")
    if not match:
        return None
    value, unit = int(match[1]), match[2].lower()
    if unit in ("", "s", "sec"):
        return value
    if unit in ("m", "min"):
        return value * 60
    if unit in ("h", "hr"):
        return value * 3600
    if unit in ("ms", "msec"):
        return value // 1000
    if unit in ("us", "usec"):
        return value // 1_000_000
    return None
