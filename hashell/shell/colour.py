"""Colours for configuration text: keywords, ids, names and values of statements."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEYWORDS = ("params", "meta", "utilization", "operations", "op", "op_params", "op_meta", "rule", "attributes",
             "docker", "podman", "network", "storage", "port-mapping", "storage-mapping", "select", "to", "read",
             "write", "deny", "date", "and", "or")
_STATEMENT = re.compile(r"^([a-z_]+)( [^\s\\]+)?")
_KEYWORD = re.compile(rf"(?<![\w=\"-])({'|'.join(_KEYWORDS)})(?= |$)")
_PAIR = re.compile(r"(?<![\w\"-])([\w.#-]+)=(\"(?:[^\"\\]|\\.)*\"|[^\s\\\"]+)")


_CODES = {"black": 30, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "white": 37}


@dataclass(frozen=True)
class Scheme:
    """ANSI numbers for the parts of statements."""

    keyword: int = 36
    ident: int = 37
    name: int = 32
    value: int = 33
    reference: int = 34

    @classmethod
    def of(cls, text: str) -> Scheme:
        """Five names of colours joined by commas; what is not one is the default."""
        found = [_CODES.get(word) for word in text.split(",")]
        return cls(*(n for n in found if n is not None)) if len(found) == 5 and None not in found else cls()


def colour_statements(text: str, scheme: str = "") -> str:
    """The text with ANSI colours, line by line."""
    colours = Scheme.of(scheme)
    return "\n".join(_line(line, colours) for line in text.split("\n"))


def _line(line: str, colours: Scheme) -> str:
    if line.startswith("#"):
        return f"\x1b[2m{line}\x1b[0m"
    if line.startswith("\t"):
        return _pairs(_KEYWORD.sub(f"\x1b[{colours.keyword}m\\1\x1b[0m", line), colours)
    match = _STATEMENT.match(line)
    if match is None or line.startswith("xml"):
        return line
    name = f"\x1b[{colours.ident};1m{match[2]}\x1b[0m" if match[2] else ""
    return f"\x1b[{colours.keyword};1m{match[1]}\x1b[0m{name}" + _pairs(line[match.end():], colours)


def _pairs(text: str, colours: Scheme) -> str:
    return _PAIR.sub(f"\x1b[{colours.name}m\\1\x1b[0m=\x1b[{colours.value}m\\2\x1b[0m", text)
