"""corosync.conf: text to typed cmap keys, every error with its line (spec totem.md section 6.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches

from hashell.model.diagnostics import Diagnostic, HashellError, Place
from hashell.stack.membership.cmap.values import CmapType, CmapValue, number, text
from hashell.stack.membership.conf.diagnostics import ConfSyntax, ConfValue, UnknownKey
from hashell.stack.membership.conf.keys import FREE_SECTIONS, SECTIONS, KeyRule

MAX_LINE = 510
_SHOWN = 160
_BLANK = " \t\xa0\r\n"
_TEXT_KEYS = ("linknumber", "subsys", "name", "uid", "gid")


@dataclass(slots=True)
class Conf:
    """A corosync.conf that could be read: its keys as cmap has them, and the line each came from."""

    file: str = ""
    values: dict[str, CmapValue] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)

    def number(self, key: str, default: int = 0) -> int:
        value = self.values.get(key)
        found = value.python() if value else default
        return int(found) if isinstance(found, int | float) else default

    def text(self, key: str, default: str = "") -> str:
        value = self.values.get(key)
        return str(value.python()) if value else default

    def has(self, key: str) -> bool:
        return key in self.values

    def place(self, key: str = "") -> Place:
        """Where a key stands, or the file."""
        return Place(file=self.file, line=self.lines.get(key, 0))


@dataclass(slots=True)
class _Section:
    name: str
    line: int
    items: list[tuple[str, str, int]] = field(default_factory=list)


class _Parser:
    def __init__(self, file: str) -> None:
        self.conf = Conf(file)
        self.errors: list[Diagnostic] = []
        self.stack: list[_Section] = []
        self.nodes = 0

    def place(self, line: int) -> Place:
        return Place(file=self.conf.file, line=line)

    def syntax(self, line: int, problem: str, expected: str = "") -> None:
        problem, expected = printable(problem), printable(expected)
        self.errors.append(ConfSyntax(place=self.place(line), problem=problem, expected=expected))

    def feed(self, line: int, raw: str) -> None:
        if len(raw.rstrip("\n")) > MAX_LINE:
            self.syntax(line, "Line too long", f"at most {MAX_LINE} characters")
            return
        stripped = raw.strip(_BLANK)
        if not stripped or stripped.startswith("#"):
            return
        if "{" in stripped:
            self.open(line, stripped)
        elif ":" in stripped:
            key, _, value = stripped.partition(":")
            self.item(line, key.strip(_BLANK), value.strip(_BLANK))
        elif "}" in stripped:
            self.close(line, stripped)
        else:
            self.syntax(
                line, "Line is not opening or closing section or key value", "`section {`, `key: value` or `}`"
            )

    def open(self, line: int, stripped: str) -> None:
        name, _, rest = stripped.partition("{")
        name = name.strip(_BLANK)
        if not name:
            self.syntax(line, "Missing section name before opening bracket '{'", "a name before it, as in `totem {`")
        elif rest.strip(_BLANK):
            self.syntax(line, "Extra characters after opening bracket '{'", "the rest on lines of its own")
        self.stack.append(_Section(name, line))

    def close(self, line: int, stripped: str) -> None:
        if stripped != "}":
            self.syntax(line, "Extra characters before or after closing bracket '}'", "`}` on a line of its own")
        if not self.stack:
            self.syntax(line, "Unexpected closing brace", "a section that is open here")
            return
        path = ".".join(s.name for s in self.stack)
        self.store(path, self.stack.pop())

    def item(self, line: int, key: str, value: str) -> None:
        if self.stack:
            self.stack[-1].items.append((key, value, line))
        else:
            self.put(key, "", key, value, line)

    def store(self, path: str, section: _Section) -> None:
        """A section is complete: give its keys their names."""
        plain = {k: v for k, v, _ in section.items}
        prefix = path + "."
        if path == "nodelist.node":
            prefix = f"nodelist.node.{self.nodes}."
            self.nodes += 1
            self.conf.lines[prefix] = section.line
        elif path == "totem.interface":
            prefix = f"totem.interface.{self.link(plain.get('linknumber', '0'), section)}."
        elif path == "logging.logger_subsys":
            prefix = f"logging.logger_subsys.{plain.get('subsys', '')}."
        elif path == "logging.logging_daemon":
            prefix = f"logging.logging_daemon.{plain.get('name', '')}."
        for key, value, line in section.items:
            if path == "uidgid":
                self.uidgid(key, value, line)
            else:
                self.put(prefix + key, path, key, value, line)

    def link(self, word: str, section: _Section) -> str:
        if not word.isdigit() or int(word) > 7:
            problem = f"interface ring number {word} is bigger than allowed maximum 7"
            self.syntax(section.line, problem, "a linknumber from 0 to 7")
            return "0"
        return str(int(word))

    def uidgid(self, key: str, value: str, line: int) -> None:
        if key not in ("uid", "gid"):
            self.syntax(line, "uidgid: Only uid and gid are allowed items", "uid or gid")
            return
        name = f"uidgid.config.{key}.{value}"
        self.conf.values[name] = number(CmapType.U8, 1)
        self.conf.lines[name] = line

    def put(self, name: str, path: str, key: str, value: str, line: int) -> None:
        keys = SECTIONS.get(path)
        rule = keys.get(key) if keys is not None else None
        if rule is None:
            self.unknown(name, path, key, line)
            rule = KeyRule()
        self.conf.lines[name] = line
        stored = self.typed(name, rule, value, line)
        if stored is not None:
            self.conf.values[name] = stored

    def unknown(self, name: str, path: str, key: str, line: int) -> None:
        if (path or key).startswith(FREE_SECTIONS) or path.startswith("quorum.device."):
            return
        keys = SECTIONS.get(path)
        options = [*keys] if keys else [p.rpartition(".")[2] for p in SECTIONS]
        close = get_close_matches(key, options, 1)
        self.conf.warnings.append(
            UnknownKey(place=self.place(line), key=printable(name), suggestion=close[0] if close else "")
        )

    def typed(self, name: str, rule: KeyRule, value: str, line: int) -> CmapValue | None:
        limits = rule.range
        if limits is not None:
            if not value.removeprefix("-").isascii() or not value.removeprefix("-").isdigit():
                expected = f"an integer in range ({limits[0]}..{limits[1]})"
            elif limits[0] <= int(value) <= limits[1]:
                return number(rule.type, int(value))
            else:
                expected = f"an integer in range ({limits[0]}..{limits[1]})"
            self.errors.append(ConfValue(place=self.place(line), key=name, value=printable(value), expected=expected))
            return None
        if rule.words and value not in rule.words:
            expected = f"one of {', '.join(rule.words)}"
            near = "".join(get_close_matches(value, rule.words, 1))
            self.errors.append(
                ConfValue(
                    place=self.place(line),
                    key=name,
                    value=printable(value),
                    expected=expected,
                    suggestion=near,
                    problem=rule.error,
                )
            )
            return None
        return text(value)


def printable(words: str) -> str:
    """Text for a message from a file that may hold anything: bytes that are no text as ?, and not too long."""
    shown = "".join(c if c.isprintable() else "?" for c in words[:_SHOWN])
    return shown + ("…" if len(words) > _SHOWN else "")


def parse_conf(content: str, file: str = "") -> Conf:
    """The keys of a corosync.conf. Raises HashellError with all its errors, in the order of their lines."""
    parser = _Parser(file)
    line = 0
    for line, raw in enumerate(content.split("\n"), start=1):
        parser.feed(line, raw)
    for section in parser.stack:
        parser.syntax(section.line, "Missing closing brace", f"a `}}` that ends section {section.name}")
    if parser.errors:
        raise HashellError(*sorted(parser.errors, key=lambda e: e.place.line if e.place else 0))
    return parser.conf
