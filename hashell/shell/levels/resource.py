"""The resource level: starting, stopping, moving and cleaning up resources, and their attributes."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_RSC = Argument("RESOURCE", "resources")
_RSCS = Argument("RESOURCE", "resources", repeat=True)
_OPT_RSC = Argument("RESOURCE", "resources", optional=True)
_NODE = Argument("NODE", "nodes", optional=True)
_FORM = Argument("FORM", "", ("--output-as=text", "--output-as=json", "--output-as=xml"), optional=True)
_HOW = Argument("OPTION", "", ("--keep", "--lifetime", "force"), optional=True, repeat=True)
_FORCE = Argument("force", "", ("force",), optional=True)
_VERB = Argument("set|delete|show", "", ("set", "delete", "show"))
_NAME = Argument("NAME")
_VALUE = Argument("VALUE", optional=True)


def _attribute(name: str, what: str, example: str) -> Command:
    return Command(
        name, f"resource:{name}", f"show or change a {what} of a resource", (_RSC, _VERB, _NAME, _VALUE),
        f"{name} RESOURCE set NAME VALUE\n{name} RESOURCE delete NAME\n{name} RESOURCE show NAME", changes=True,
        example=example,
    )


def _actions() -> tuple[Command, ...]:
    return (
        Command("start", "resource:start", "start resources", (_RSCS,),
                "start RESOURCE…\n\nSets target-role to Started; constraints decide where.", changes=True,
                example="start cache"),
        Command("stop", "resource:stop", "stop resources", (_RSCS,),
                "stop RESOURCE…\n\nSets target-role to Stopped.", changes=True, example="stop cache"),
        Command("restart", "moving:restart", "stop resources and start them again", (_RSCS,),
                "restart RESOURCE…\n\nWaits for the stop, then for the start, and tells what it waits for. An "
                "interrupt starts them again.", changes=True, example="restart web", needs="cluster"),
        Command("promote", "resource:promote", "promote a clone", (_RSC,), "promote RESOURCE", changes=True,
                example="promote db-clone"),
        Command("demote", "resource:demote", "demote a clone", (_RSC,), "demote RESOURCE", changes=True,
                example="demote db-clone"),
        Command("manage", "resource:manage", "let the cluster manage a resource", (_RSC,), "manage RESOURCE",
                changes=True, example="manage web"),
        Command("unmanage", "resource:unmanage", "keep the cluster's hands off a resource", (_RSC,),
                "unmanage RESOURCE", example="unmanage web"),
        Command("maintenance", "resource:maintenance", "maintenance of one resource",
                (_RSC, Argument("on|off", "", ("on", "off"), optional=True)),
                "maintenance RESOURCE [on|off]\n\nIn maintenance it is not even monitored.",
                example="maintenance web on\nmaintenance web off"),
        Command("move", "moving:move", "move a resource to a node", (_RSC, _NODE, _HOW),
                "move RESOURCE [NODE] [--keep] [--lifetime DURATION] [force]\n\nWaits until the resource has moved, "
                "then removes the constraint cli-prefer-RESOURCE again, unless\nthe resource would go back at once. "
                "--keep leaves it until `clear`, --lifetime for a time\n(PT10M is ten minutes). Without NODE (or "
                "with force) the node it runs on is banned.", ("migrate",), changes=True,
                example="move spare node2", needs="cluster"),
        Command("ban", "moving:ban", "move a resource off a node", (_RSC, _NODE, _HOW),
                "ban RESOURCE [NODE] [--keep] [--lifetime DURATION]\n\nWaits until it has left; the constraint then "
                "goes as with `move`. --keep leaves it until `clear`.", changes=True,
                example="ban spare --lifetime PT10M", needs="cluster"),
        Command("clear", "resource:clear", "remove the constraints of move and ban", (_RSC, _NODE),
                "clear RESOURCE [NODE]", ("unmove", "unban", "unmigrate"), changes=True,
                example="clear spare", needs="cluster"),
        Command("cleanup", "resource:cleanup", "forget failures, so that the cluster tries again",
                (_OPT_RSC, _NODE, _FORCE), "cleanup [RESOURCE] [NODE] [force]", changes=True,
                example="cleanup web", needs="cluster"),
        Command("refresh", "resource:refresh", "forget the history and probe again", (_OPT_RSC, _NODE, _FORCE),
                "refresh [RESOURCE] [NODE] [force]", ("reprobe",), changes=True,
                example="refresh web node1", needs="cluster"),
    )


def _tracing() -> tuple[Command, ...]:
    words = (_RSC, Argument("OPERATION", optional=True), Argument("INTERVAL", optional=True))
    return (
        Command("trace", "resource:trace", "have the agent write a trace of what it does",
                (*words, Argument("FOLDER", "files", optional=True)),
                "trace RESOURCE [OPERATION] [INTERVAL] [FOLDER]\n\nWithout OPERATION all of them; for agents written "
                "in shell with the usual library.", example="trace web monitor"),
        Command("untrace", "resource:untrace", "end the trace", words, "untrace RESOURCE [OPERATION] [INTERVAL]",
                example="trace web monitor\nuntrace web monitor"),
    )


def resource_level() -> Level:
    looks = (
        Command("status", "resource:status", "show resources and where they run",
                (Argument("RESOURCE", "resources", optional=True, repeat=True),), "status [RESOURCE…]",
                ("show", "list"), example="status web"),
        Command("locate", "resource:locate", "show where a resource runs", (_RSC,), "locate RESOURCE",
                example="locate web"),
        Command("constraints", "resource:constraints", "show the constraints of a resource", (_RSC,),
                "constraints RESOURCE", example="constraints web"),
        Command("operations", "resource:operations", "show the operations done", (_OPT_RSC, _NODE),
                "operations [RESOURCE] [NODE]", example="operations web"),
        Command("failcount", "resource:failcount", "show or delete the failures of a resource on a node",
                (_RSC, _VERB, Argument("NODE", "nodes"), _VALUE, Argument("OPERATION", optional=True),
                 Argument("INTERVAL", optional=True)),
                "failcount RESOURCE show NODE\nfailcount RESOURCE delete NODE\n"
                "failcount RESOURCE set NODE VALUE [OPERATION [INTERVAL]]", example="failcount web show node1"),
        Command("secret", "secret:secret", "keep a parameter out of the CIB",
                (_RSC, Argument("VERB", "", ("set", "stash", "unstash", "delete", "show", "check")), _NAME, _VALUE),
                "secret RESOURCE set PARAMETER VALUE\nsecret RESOURCE stash|unstash|delete|show|check PARAMETER\n\n"
                "The value is in a file of each node that only the cluster can read; the CIB says lrm://.\nstash "
                "moves a value out of the CIB, unstash back into it, check compares the nodes.", changes=True,
                example="secret web set passwd sesame", needs="cluster"),
        Command("why", "status:why", "explain where a resource is and why", (_RSC, _NODE, _FORM),
                "why RESOURCE [NODE] [--output-as=text|json|xml]\n\nSays why it runs there, is stopped, moves or "
                "waits, and the one command that lifts each cause.", forms=True, example="why web node2"),
        Command("scores", "resource:scores", "show the scores behind the placement", (), "scores", example="scores"),
    )
    attributes = (
        _attribute("meta", "meta attribute", "meta web set priority 10"),
        _attribute("param", "parameter", "param web set op_sleep 1"),
        _attribute("utilization", "utilization attribute", "utilization web set memory 512"),
    )
    return Level("resource", "start, stop, move and look at resources", _actions() + looks + attributes + _tracing())
