"""The resource level: starting, stopping, moving and cleaning up resources, and their attributes."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_RSC = Argument("RESOURCE", "resources")
_RSCS = Argument("RESOURCE", "resources", repeat=True)
_OPT_RSC = Argument("RESOURCE", "resources", optional=True)
_NODE = Argument("NODE", "nodes", optional=True)
_FORM = Argument("FORM", "", ("--output-as=text", "--output-as=json"), optional=True)
_HOW = Argument("OPTION", "", ("--keep", "--lifetime", "force"), optional=True, repeat=True)
_FORCE = Argument("force", "", ("force",), optional=True)
_VERB = Argument("set|delete|show", "", ("set", "delete", "show"))
_NAME = Argument("NAME")
_VALUE = Argument("VALUE", optional=True)


def _attribute(name: str, what: str) -> Command:
    return Command(
        name, f"resource:{name}", f"show or change a {what} of a resource", (_RSC, _VERB, _NAME, _VALUE),
        f"{name} RESOURCE set NAME VALUE\n{name} RESOURCE delete NAME\n{name} RESOURCE show NAME", changes=True,
    )


def _actions() -> tuple[Command, ...]:
    return (
        Command("start", "resource:start", "start resources", (_RSCS,),
                "start RESOURCE…\n\nSets target-role to Started; constraints decide where.", changes=True),
        Command("stop", "resource:stop", "stop resources", (_RSCS,),
                "stop RESOURCE…\n\nSets target-role to Stopped.", changes=True),
        Command("restart", "moving:restart", "stop resources and start them again", (_RSCS,),
                "restart RESOURCE…\n\nWaits for the stop, then for the start, and tells what it waits for. An "
                "interrupt starts them again.", changes=True),
        Command("promote", "resource:promote", "promote a clone", (_RSC,), "promote RESOURCE", changes=True),
        Command("demote", "resource:demote", "demote a clone", (_RSC,), "demote RESOURCE", changes=True),
        Command("manage", "resource:manage", "let the cluster manage a resource", (_RSC,), "manage RESOURCE",
                changes=True),
        Command("unmanage", "resource:unmanage", "keep the cluster's hands off a resource", (_RSC,),
                "unmanage RESOURCE"),
        Command("maintenance", "resource:maintenance", "maintenance of one resource",
                (_RSC, Argument("on|off", "", ("on", "off"), optional=True)),
                "maintenance RESOURCE [on|off]\n\nIn maintenance it is not even monitored."),
        Command("move", "moving:move", "move a resource to a node", (_RSC, _NODE, _HOW),
                "move RESOURCE [NODE] [--keep] [--lifetime DURATION] [force]\n\nWaits until the resource has moved, "
                "then removes the constraint cli-prefer-RESOURCE again, unless\nthe resource would go back at once. "
                "--keep leaves it until `clear`, --lifetime for a time\n(PT10M is ten minutes). Without NODE (or "
                "with force) the node it runs on is banned.", ("migrate",), changes=True),
        Command("ban", "moving:ban", "move a resource off a node", (_RSC, _NODE, _HOW),
                "ban RESOURCE [NODE] [--keep] [--lifetime DURATION]\n\nWaits until it has left; the constraint then "
                "goes as with `move`. --keep leaves it until `clear`.", changes=True),
        Command("clear", "resource:clear", "remove the constraints of move and ban", (_RSC, _NODE),
                "clear RESOURCE [NODE]", ("unmove", "unban", "unmigrate"), changes=True),
        Command("cleanup", "resource:cleanup", "forget failures, so that the cluster tries again",
                (_OPT_RSC, _NODE, _FORCE), "cleanup [RESOURCE] [NODE] [force]", changes=True),
        Command("refresh", "resource:refresh", "forget the history and probe again", (_OPT_RSC, _NODE, _FORCE),
                "refresh [RESOURCE] [NODE] [force]", ("reprobe",), changes=True),
    )


def _tracing() -> tuple[Command, ...]:
    words = (_RSC, Argument("OPERATION", optional=True), Argument("INTERVAL", optional=True))
    return (
        Command("trace", "resource:trace", "have the agent write a trace of what it does",
                (*words, Argument("FOLDER", "files", optional=True)),
                "trace RESOURCE [OPERATION] [INTERVAL] [FOLDER]\n\nWithout OPERATION all of them; for agents written "
                "in shell with the usual library."),
        Command("untrace", "resource:untrace", "end the trace", words, "untrace RESOURCE [OPERATION] [INTERVAL]"),
    )


def resource_level() -> Level:
    looks = (
        Command("status", "resource:status", "show resources and where they run",
                (Argument("RESOURCE", "resources", optional=True, repeat=True),), "status [RESOURCE…]",
                ("show", "list")),
        Command("locate", "resource:locate", "show where a resource runs", (_RSC,), "locate RESOURCE"),
        Command("constraints", "resource:constraints", "show the constraints of a resource", (_RSC,),
                "constraints RESOURCE"),
        Command("operations", "resource:operations", "show the operations done", (_OPT_RSC, _NODE),
                "operations [RESOURCE] [NODE]"),
        Command("failcount", "resource:failcount", "show or delete the failures of a resource on a node",
                (_RSC, _VERB, Argument("NODE", "nodes"), _VALUE, Argument("OPERATION", optional=True),
                 Argument("INTERVAL", optional=True)),
                "failcount RESOURCE show NODE\nfailcount RESOURCE delete NODE\n"
                "failcount RESOURCE set NODE VALUE [OPERATION [INTERVAL]]"),
        Command("secret", "secret:secret", "keep a parameter out of the CIB",
                (_RSC, Argument("VERB", "", ("set", "stash", "unstash", "delete", "show", "check")), _NAME, _VALUE),
                "secret RESOURCE set PARAMETER VALUE\nsecret RESOURCE stash|unstash|delete|show|check PARAMETER\n\n"
                "The value is in a file of each node that only the cluster can read; the CIB says lrm://.\nstash "
                "moves a value out of the CIB, unstash back into it, check compares the nodes.", changes=True),
        Command("why", "status:why", "explain where a resource is and why", (_RSC, _NODE, _FORM),
                "why RESOURCE [NODE] [--output-as=text|json]\n\nSays why it runs there, is stopped, moves or waits, "
                "and the one command that lifts each cause."),
        Command("scores", "resource:scores", "show the scores behind the placement", (), "scores"),
    )
    attributes = (
        _attribute("meta", "meta attribute"), _attribute("param", "parameter"),
        _attribute("utilization", "utilization attribute"),
    )
    return Level("resource", "start, stop, move and look at resources", _actions() + looks + attributes + _tracing())
