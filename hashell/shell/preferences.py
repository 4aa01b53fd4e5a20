"""The user's options: known names, defaults, the file they are kept in, and -o on the command line (section 7)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed, Warned

_TRUE, _FALSE = ("yes", "true", "on", "1", "y"), ("no", "false", "off", "0", "n")


@dataclass(frozen=True)
class Preference:
    """One option. `choices` are the values it takes; 'yes' and 'no' stand for any boolean."""

    name: str
    default: str
    about: str
    choices: tuple[str, ...] = ()

    def normal(self, value: str) -> str:
        """The value in its normal form. Raises HashellError."""
        if self.name == "color.scheme":
            names = value.split(",")
            if len(names) != 5 or any(name not in COLOURS for name in names):
                raise HashellError(CommandFailed(message=f"'{value}' is not a colour scheme",
                                                 hint=f"five of {', '.join(COLOURS)}, joined by commas"))
            return value
        if self.choices == ("yes", "no"):
            if value.lower() in (*_TRUE, *_FALSE):
                return "yes" if value.lower() in _TRUE else "no"
        elif not self.choices or value in self.choices:
            return value
        raise HashellError(CommandFailed(message=f"'{value}' is not a value of {self.name}",
                                         hint=f"it is one of {', '.join(self.choices)}"))


_BOOLEAN = ("yes", "no")
COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
PREFERENCES: dict[str, Preference] = {p.name: p for p in (
    Preference("core.editor", "", "the editor of `edit`; empty: $VISUAL, $EDITOR, vim, vi, emacs, nano"),
    Preference("core.pager", "", "the pager of long output on a terminal; empty: $PAGER, less, more; cat for none"),
    Preference("core.user", "", "the user whose rights are taken with sudo when the shell starts"),
    Preference("core.skill_level", "expert", "what is allowed: operator, administrator or expert",
               ("operator", "administrator", "expert")),
    Preference("core.add_quotes", "yes", "whether words of the command line with blanks in them stay one word",
               _BOOLEAN),
    Preference("core.manage_children", "ask", "whether members that contradict start or stop of their group follow",
               ("ask", "always", "never")),
    Preference("core.sort_elements", "yes", "whether show sorts objects by id", _BOOLEAN),
    Preference("core.check_frequency", "always", "when the semantic check is made", ("always", "on-verify", "never")),
    Preference("core.check_mode", "strict", "relaxed: semantic errors are warnings", ("strict", "relaxed")),
    Preference("core.wait", "no", "wait after each change until the cluster has settled", _BOOLEAN),
    Preference("core.force", "no", "answer questions with yes", _BOOLEAN),
    Preference("core.obscure_pattern", "passw*", "names whose values are hidden, globs separated by blanks or |"),
    Preference("color.style", "color", "plain, color (on terminals) or color-always",
               ("plain", "color", "color-always")),
    Preference("color.scheme", "cyan,white,green,yellow,blue",
               "colours of keywords, ids, names, values and references, joined by commas"),
)}
_SHORT = {name.partition(".")[2].replace("_", "-"): name for name in PREFERENCES}


#: Names of commands that set an option of another name.
_OTHER_NAMES = {"output": "color.style", "colorscheme": "color.scheme"}


def preferences_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path(os.environ.get("HOME", "/")) / ".config")
    return Path(base) / "hashell" / "hashell.conf"


def known(name: str) -> Preference:
    """The option of that name, with or without its section. Raises HashellError."""
    name = _OTHER_NAMES.get(name, name)
    found = PREFERENCES.get(name) or PREFERENCES.get(_SHORT.get(name.replace("_", "-"), ""))
    if found is None:
        names = " ".join(PREFERENCES)
        raise HashellError(CommandFailed(message=f"there is no option {name}", hint=f"options: {names}"))
    return found


class Preferences:
    """The options in force: defaults, then the file, then what was set in this session."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.problems: list[Warned] = []
        self._read()

    def _read(self) -> None:
        if not preferences_file().exists():
            return
        import configparser

        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(preferences_file(), encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0]
            message = f"{preferences_file()} was not read: {reason}"
            self.problems.append(Warned(message=message, hint="correct the file"))
            return
        for section in parser.sections():
            for name, value in parser.items(section):
                try:
                    self.set(f"{section}.{name}", value)
                except HashellError as error:
                    self.problems.append(Warned(message=f"{preferences_file()}: {error.diagnostics[0].text()}",
                                                hint=error.diagnostics[0].remedy()))

    def get(self, name: str) -> str:
        return self.values.get(name, PREFERENCES[name].default)

    def on(self, name: str) -> bool:
        return self.get(name) == "yes"

    def set(self, name: str, value: str) -> None:
        preference = known(name)
        self.values[preference.name] = preference.normal(value)

    def save(self) -> Path:
        """Write what differs from the defaults. Raises HashellError."""
        import configparser

        from hashell.atomicfile import write_atomically

        parser = configparser.ConfigParser(interpolation=None)
        for name, value in sorted(self.values.items()):
            section, _, key = name.partition(".")
            if value != PREFERENCES[name].default:
                if not parser.has_section(section):
                    parser.add_section(section)
                parser.set(section, key, value)
        lines = [line for s in parser.sections() for line in (
            f"[{s}]", *(f"{k} = {v}" for k, v in parser.items(s)), "")]
        path = preferences_file()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, "\n".join(lines) + ("\n" if lines else ""))
        except OSError as error:
            raise HashellError(CommandFailed(message=f"cannot write {path}: {error.strerror}")) from None
        return path
