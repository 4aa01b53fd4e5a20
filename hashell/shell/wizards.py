"""Wizards: descriptions of common set-ups with parameters, and the generator that makes configure text of them.

A wizard is a TOML file of `library/`. Its text is configure statements, one a line: `${name}` is a value, a word
`x=${name}` without a value vanishes; a line that begins with `?name ` is kept if the parameter has a value, `!name ` if
not; `*name ` repeats the line for each item of a list, with `${item}`, and `${other.item}` the item of another list.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hashell.grammar.quoting import quote
from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed

LIBRARY = Path(__file__).with_name("library")
_PLACE = re.compile(r"\$\{([\w.-]+)\}")
_CONDITION = re.compile(r"([?!*])(\w+) (.*)\Z")
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")


def failed(message: str, hint: str = "") -> HashellError:
    return HashellError(CommandFailed(message=message, hint=hint))


@dataclass(frozen=True)
class WizardParameter:
    """One parameter. kind: string, id, ip, number or list; `like` names a list that must have as many items."""

    name: str
    about: str
    required: bool = False
    default: str = ""
    kind: str = "string"
    like: str = ""

    def problem(self, value: str) -> str:
        """What is wrong with a value, '' if nothing is."""
        if self.kind == "number" and not re.fullmatch(r"[+-]?\d+|[+-]?INFINITY", value):
            return "is not a number"
        if self.kind == "id" and not _ID.match(value):
            return "is not an id: letters, digits, _ . - and a letter first"
        if self.kind == "ip":
            try:
                ipaddress.ip_address(value)
            except ValueError:
                return "is not an IP address"
        if any(c in value for c in "\n\r\\"):
            return "has a line break or backslash in it"
        return ""


@dataclass(frozen=True)
class Wizard:
    """One set-up."""

    name: str
    summary: str
    about: str
    text: str
    parameters: tuple[WizardParameter, ...]

    def parameter(self, name: str) -> WizardParameter:
        """Raises HashellError with the nearest name."""
        names = [p.name for p in self.parameters]
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        near = difflib.get_close_matches(name, names, 1)
        raise failed(f"{self.name} has no parameter {name}",
                     f"did you mean '{near[0]}'?" if near else f"parameters: {' '.join(names)}")

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Every parameter's value, defaults filled in. Raises HashellError naming all faults."""
        for name in given:
            self.parameter(name)
        found = {p.name: given.get(p.name, "") or p.default for p in self.parameters}
        missing = [p.name for p in self.parameters if p.required and not found[p.name]]
        if missing:
            raise failed(f"{self.name} needs {', '.join(missing)}",
                         f"`script show {self.name}` explains the parameters")
        for parameter in self.parameters:
            value = found[parameter.name]
            if value and (problem := parameter.problem(value)):
                raise failed(f"{self.name}: {parameter.name}={value} {problem}", parameter.about)
            if parameter.like and len(items(value)) != len(items(found[parameter.like])):
                raise failed(f"{self.name}: {parameter.name} has {len(items(value))} items and {parameter.like} has "
                             f"{len(items(found[parameter.like]))}", "give both lists the same number of items")
        return found

    def generate(self, given: Mapping[str, str]) -> str:
        """The configure text for these values. Raises HashellError."""
        values = self.values(given)
        lines: list[str] = []
        for line in self.text.strip().splitlines():
            lines += _line(line, values)
        from hashell.grammar.formatter import format_text

        return format_text("\n".join(lines) + "\n")


def items(value: str) -> list[str]:
    """The items of a list value: separated by commas or blanks."""
    return [item for item in re.split(r"[,\s]+", value) if item]


def _line(line: str, values: Mapping[str, str]) -> list[str]:
    match = _CONDITION.match(line)
    if match is None:
        return [_filled(line, values)]
    sign, name, rest = match.groups()
    if sign == "*":
        lists = {f"{key}.item": items(value) for key, value in values.items()}
        return [_filled(rest, {**values, "item": item, **{key: found[index] for key, found in lists.items()
                                                          if index < len(found)}})
                for index, item in enumerate(items(values[name]))]
    return [_filled(rest, values)] if bool(values[name]) == (sign == "?") else []


def _filled(line: str, values: Mapping[str, str]) -> str:
    words = []
    for word in line.split(" "):
        name, equals, template = word.partition("=")
        target = template if equals else word
        if equals and _PLACE.fullmatch(target) and not values[_PLACE.fullmatch(target)[1]]:  # type: ignore[index]
            continue
        text = _PLACE.sub(lambda m: values[m[1]], target)
        words.append(f"{name}={quote(text)}" if equals else text if ":" in text or text == target else quote(text))
    return " ".join(words)


def load_wizard(name: str, folder: Path = LIBRARY) -> Wizard:
    """The wizard of that name. Raises HashellError."""
    path = folder / f"{name}.toml"
    if "/" in name or not path.is_file():
        near = difflib.get_close_matches(name, wizard_names(folder), 1)
        raise failed(f"there is no script {name}", f"did you mean '{near[0]}'?" if near else "`script list` lists them")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        parameters = tuple(WizardParameter(**p) for p in data.get("param", ()))
        return Wizard(name, data["summary"], data["about"], data["text"], parameters)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise failed(f"{path} is not a wizard: {error}", "correct the file") from None


def wizard_names(folder: Path = LIBRARY) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.toml"))
