"""The options level: the user's preferences."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_NAME = Argument("OPTION", "options")


#: Options with a command of their own, and where the values come from.
_SINGLE = (("add-quotes", "bool"), ("check-frequency", ""), ("check-mode", ""), ("colorscheme", ""), ("editor", ""),
           ("manage-children", ""), ("output", ""), ("pager", ""), ("skill-level", ""), ("sort-elements", "bool"),
           ("user", ""), ("wait", "bool"))


def _single(name: str, kind: str) -> Command:
    from hashell.shell.preferences import known

    preference = known(name)
    words = ("yes", "no") if kind == "bool" else preference.choices
    return Command(name, f"options:set_{name.replace('-', '_')}", f"set {preference.name}",
                   (Argument("VALUE", "", words),), f"{name} VALUE\n\n{preference.about}.")


def options_level() -> Level:
    return Level("options", "your preferences", (
        Command("show", "options:show", "show options", (Argument("all|OPTION", "options", optional=True),),
                "show [all|OPTION]\n\nWithout a word those that differ from their defaults."),
        Command("set", "options:set_", "set an option for this session", (_NAME, Argument("VALUE")),
                "set OPTION VALUE\n\n`save` keeps it."),
        Command("save", "options:save", "keep the options", (), "save"),
        Command("reset", "options:reset", "back to the defaults", (), "reset"),
        *(_single(name, completer) for name, completer in _SINGLE),
    ))
