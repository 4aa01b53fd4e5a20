"""The script level, wizards for common set-ups, and the template level below configure, their values kept in files."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_SCRIPT = Argument("SCRIPT", "scripts")
_VALUES = Argument("NAME=VALUE", "script_values", optional=True, repeat=True)
_NAME = Argument("NAME", "templates")


def script_level() -> Level:
    return Level("script", "make common set-ups of a few values", (
        Command("list", "script:list_", "list the scripts",
                (Argument("all|names", "", ("all", "names"), optional=True),), "list [all|names]"),
        Command("show", "script:show", "explain a script and its parameters", (_SCRIPT,),
                "show SCRIPT\n\nExample:\n    script show web-server"),
        Command("verify", "script:verify", "show what a script would make, and change nothing", (_SCRIPT, _VALUES),
                "verify SCRIPT NAME=VALUE…\n\nExample:\n    script verify virtual-ip ip=192.0.2.7"),
        Command("run", "script:run", "make the set-up", (_SCRIPT, _VALUES),
                "run SCRIPT NAME=VALUE…\n\nShows the statements and what the cluster would do, asks at a terminal, "
                "commits. -n only shows.\n\nExample:\n    script run virtual-ip id=web-ip ip=192.0.2.7", changes=True),
        Command("json", "script:json_", "describe scripts for other programs",
                (Argument("SCRIPT", "scripts", optional=True, repeat=True),), "json [SCRIPT…]"),
    ))


def template_level() -> Level:
    return Level("template", "values of scripts, kept in files", (
        Command("new", "template:new", "make a template of one or more scripts",
                (Argument("NAME"), Argument("SCRIPT|params|NAME=VALUE", "scripts", optional=True, repeat=True)),
                "new [NAME] SCRIPT… [params NAME=VALUE…]\n\nExample:\n    template new intranet virtual-ip filesystem"),
        Command("list", "template:list_", "list scripts and templates", (), "list"),
        Command("show", "template:show", "show the statements a template makes", (_NAME,), "show NAME"),
        Command("load", "template:load", "show the values of a template", (_NAME,), "load NAME"),
        Command("edit", "template:edit", "edit the values of a template", (_NAME,), "edit NAME"),
        Command("apply", "template:apply", "put a template into the working copy",
                (Argument("replace|update|NAME", "templates", ("replace", "update")),
                 Argument("NAME", "templates", optional=True)),
                "apply [replace|update] NAME\n\nreplace, the default, starts from nothing but the nodes."),
        Command("delete", "template:delete", "delete a template", (_NAME,), "delete NAME"),
    ))
