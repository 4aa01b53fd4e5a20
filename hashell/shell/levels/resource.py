"""The resource level: starting, stopping, moving and cleaning up resources, and their attributes."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_RSC = Argument("RESOURCE", "resources")
_RSCS = Argument("RESOURCE", "resources", repeat=True)
_OPT_RSC = Argument("RESOURCE", "resources", optional=True)
_NODE = Argument("NODE", "nodes", optional=True)
_LIFETIME = Argument("LIFETIME", optional=True)
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
        Command("restart", "resource:restart", "stop resources and start them again", (_RSCS,),
                "restart RESOURCE…", changes=True),
        Command("promote", "resource:promote", "promote a clone", (_RSC,), "promote RESOURCE", changes=True),
        Command("demote", "resource:demote", "demote a clone", (_RSC,), "demote RESOURCE", changes=True),
        Command("manage", "resource:manage", "let the cluster manage a resource", (_RSC,), "manage RESOURCE",
                changes=True),
        Command("unmanage", "resource:unmanage", "keep the cluster's hands off a resource", (_RSC,),
                "unmanage RESOURCE"),
        Command("maintenance", "resource:maintenance", "maintenance of one resource",
                (_RSC, Argument("on|off", "", ("on", "off"), optional=True)),
                "maintenance RESOURCE [on|off]\n\nIn maintenance it is not even monitored."),
        Command("move", "resource:move", "move a resource to a node", (_RSC, _NODE, _LIFETIME, _FORCE),
                "move RESOURCE [NODE] [LIFETIME] [force]\n\nMakes the constraint cli-prefer-RESOURCE; `clear` removes "
                "it.\nWithout NODE (or with force) the node it runs on is banned.\nLIFETIME is an ISO 8601 duration: "
                "PT10M is ten minutes.", ("migrate",), changes=True),
        Command("ban", "resource:ban", "keep a resource off a node", (_RSC, _NODE, _LIFETIME, _FORCE),
                "ban RESOURCE [NODE] [LIFETIME] [force]", changes=True),
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
                (_RSC, _VERB, Argument("NODE", "nodes"), _VALUE), "failcount RESOURCE show|delete|set NODE [VALUE]"),
        Command("scores", "resource:scores", "show the scores behind the placement", (), "scores"),
    )
    attributes = (
        _attribute("meta", "meta attribute"), _attribute("param", "parameter"),
        _attribute("utilization", "utilization attribute"),
    )
    return Level("resource", "start, stop, move and look at resources", _actions() + looks + attributes + _tracing())
