"""The options level: the user's preferences."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_NAME = Argument("OPTION", "options")


def options_level() -> Level:
    return Level("options", "your preferences", (
        Command("show", "options:show", "show options", (Argument("all|OPTION", "options", optional=True),),
                "show [all|OPTION]\n\nWithout a word those that differ from their defaults."),
        Command("set", "options:set_", "set an option for this session", (_NAME, Argument("VALUE")),
                "set OPTION VALUE\n\n`save` keeps it."),
        Command("save", "options:save", "keep the options", (), "save"),
        Command("reset", "options:reset", "back to the defaults", (), "reset"),
    ))
