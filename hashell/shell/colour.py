"""Colours for configuration text: keywords, ids, names and values of statements."""

from __future__ import annotations

import re

_KEYWORDS = ("params", "meta", "utilization", "operations", "op", "op_params", "op_meta", "rule", "attributes",
             "docker", "podman", "network", "storage", "port-mapping", "storage-mapping", "select", "to", "read",
             "write", "deny", "date", "and", "or")
_STATEMENT = re.compile(r"^([a-z_]+)( [^\s\\]+)?")
_KEYWORD = re.compile(rf"(?<![\w=\"-])({'|'.join(_KEYWORDS)})(?= |$)")
_PAIR = re.compile(r"(?<![\w\"-])([\w.#-]+)=(\"(?:[^\"\\]|\\.)*\"|[^\s\\\"]+)")


def colour_statements(text: str) -> str:
    """The text with ANSI colours, line by line."""
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    if line.startswith("#"):
        return f"\x1b[2m{line}\x1b[0m"
    if line.startswith("\t"):
        return _pairs(_KEYWORD.sub("\x1b[36m\\1\x1b[0m", line))
    match = _STATEMENT.match(line)
    if match is None or line.startswith("xml"):
        return line
    name = f"\x1b[1m{match[2]}\x1b[0m" if match[2] else ""
    return f"\x1b[36;1m{match[1]}\x1b[0m{name}" + _pairs(line[match.end():])


def _pairs(text: str) -> str:
    return _PAIR.sub("\x1b[32m\\1\x1b[0m=\x1b[33m\\2\x1b[0m", text)
