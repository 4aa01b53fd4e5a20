"""The options level: the user's preferences."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_NAME = Argument("OPTION", "options")


#: Options with a command of their own, and the value of the example.
_SINGLE = (("add-quotes", "no"), ("check-frequency", "on-verify"), ("check-mode", "relaxed"),
           ("colorscheme", "cyan,white,green,yellow,blue"), ("editor", "nano"), ("manage-children", "always"),
           ("output", "plain"), ("pager", "less"), ("skill-level", "operator"), ("sort-elements", "no"),
           ("user", "hacluster"), ("wait", "yes"))


def _single(name: str, value: str) -> Command:
    from hashell.shell.preferences import known

    preference = known(name)
    return Command(name, f"options:set_{name.replace('-', '_')}", f"set {preference.name}",
                   (Argument("VALUE", "", preference.choices),), f"{name} VALUE\n\n{preference.about}",
                   example=f"{name} {value}")


def options_level() -> Level:
    return Level("options", "your preferences", (
        Command("show", "options:show", "show options", (Argument("all|OPTION", "options", optional=True),),
                "show [all|OPTION]\n\nWithout a word those that differ from their defaults.", example="show all"),
        Command("set", "options:set_", "set an option for this session", (_NAME, Argument("VALUE")),
                "set OPTION VALUE\n\n`save` keeps it.", example="set check-mode relaxed"),
        Command("save", "options:save", "keep the options", (), "save", example="set check-mode relaxed\nsave"),
        Command("reset", "options:reset", "back to the defaults", (), "reset", example="reset"),
        *(_single(name, value) for name, value in _SINGLE),
    ))
