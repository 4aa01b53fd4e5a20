"""The script level, wizards for common set-ups, and the template level below configure, their values kept in files."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_SCRIPT = Argument("SCRIPT", "scripts")
_VALUES = Argument("NAME=VALUE", "script_values", optional=True, repeat=True)
_NAME = Argument("NAME", "templates")


def script_level() -> Level:
    return Level("script", "make common set-ups of a few values", (
        Command("list", "script:list_", "list the scripts",
                (Argument("all|names", "", ("all", "names"), optional=True),), "list [all|names]", example="list"),
        Command("show", "script:show", "explain a script and its parameters", (_SCRIPT,),
                "show SCRIPT", example="show web-server"),
        Command("verify", "script:verify", "show what a script would make, and change nothing", (_SCRIPT, _VALUES),
                "verify SCRIPT NAME=VALUE…",
                example="verify virtual-ip id=web-ip ip=192.0.2.7"),
        Command("run", "script:run", "make the set-up", (_SCRIPT, _VALUES),
                "run SCRIPT NAME=VALUE…\n\nShows the statements and what the cluster would do, asks at a terminal, "
                "commits. -n only shows.", changes=True,
                example="run virtual-ip id=web-ip ip=192.0.2.7"),
        Command("json", "script:json_", "describe scripts for other programs",
                (Argument("SCRIPT", "scripts", optional=True, repeat=True),), "json [SCRIPT…]",
                example="json virtual-ip"),
    ))


def template_level() -> Level:
    return Level("template", "values of scripts, kept in files", (
        Command("new", "template:new", "make a template of one or more scripts",
                (Argument("NAME"), Argument("SCRIPT|params|NAME=VALUE", "scripts", optional=True, repeat=True)),
                "new [NAME] SCRIPT… [params NAME=VALUE…]",
                example="new intranet virtual-ip params id=net-ip ip=192.0.2.7"),
        Command("list", "template:list_", "list scripts and templates", (), "list", example="list"),
        Command("show", "template:show", "show the statements a template makes", (_NAME,), "show NAME",
                example="show kept"),
        Command("load", "template:load", "show the values of a template", (_NAME,), "load NAME", example="load kept"),
        Command("edit", "template:edit", "edit the values of a template", (_NAME,), "edit NAME",
                example="edit kept", needs="terminal"),
        Command("apply", "template:apply", "put a template into the working copy",
                (Argument("replace|update|NAME", "templates", ("replace", "update")),
                 Argument("NAME", "templates", optional=True)),
                "apply [replace|update] NAME\n\nreplace, the default, starts from nothing but the nodes.",
                example="apply update kept"),
        Command("delete", "template:delete", "delete a template", (_NAME,), "delete NAME", example="delete kept"),
    ))
