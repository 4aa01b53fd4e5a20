"""The cibstatus level: what would be done in a state that is made up."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_NODE = Argument("NODE", "nodes")
_SHOWN = Argument("WORD", "", ("nograph", "v", "scores", "utilization"), optional=True, repeat=True)


def cibstatus_level() -> Level:
    results = ("success", "unknown", "args", "unimplemented", "perm", "installed", "configured", "not_running",
               "promoted", "failed_promoted")
    return Level("cibstatus", "make up a state of the cluster and see what would be done", (
        Command("load", "cibstatus:load", "begin with the state of a file or the cluster",
                (Argument("FILE|shadow:NAME|live", "files", ("live",)),), "load FILE|shadow:NAME|live",
                example="load live"),
        Command("save", "cibstatus:save", "write configuration and state to a file",
                (Argument("FILE|shadow:NAME", "files", optional=True),), "save [FILE|shadow:NAME]",
                example="node node2 offline\nsave state.xml"),
        Command("origin", "cibstatus:origin", "show where the state came from", (), "origin", example="origin"),
        Command("show", "cibstatus:show", "show the state", (Argument("changed", "", ("changed",), optional=True),),
                "show [changed]", example="node node2 offline\nshow changed"),
        Command("quorum", "cibstatus:quorum", "give or take quorum", (Argument("BOOL", "", ("true", "false")),),
                "quorum true|false", example="quorum false\nrun"),
        Command("node", "cibstatus:node", "change the state of a node",
                (_NODE, Argument("STATE", "", ("online", "offline", "unclean"))), "node NODE online|offline|unclean",
                example="node node1 unclean\nrun"),
        Command("ticket", "cibstatus:ticket", "change the state of a ticket",
                (Argument("TICKET", "tickets"), Argument("STATE", "", ("grant", "revoke", "activate", "standby"))),
                "ticket TICKET grant|revoke|activate|standby", example="ticket ticket-a grant\nrun"),
        Command("op", "cibstatus:op", "make up the result of an operation",
                (Argument("OPERATION", "", ("monitor", "probe", "start", "stop", "promote", "demote")),
                 Argument("RESOURCE", "primitives"), Argument("RESULT", "", results),
                 Argument("STATUS|NODE", "nodes", ("pending", "done", "cancelled", "timeout", "notsupported", "error"),
                          optional=True), Argument("NODE", "nodes", optional=True)),
                "op OPERATION[:INTERVAL] RESOURCE RESULT [STATUS] [NODE]"
                "",
                example="op monitor:10s web not_running node1\nrun"),
        Command("run", "cibstatus:run", "show what would be done first", (_SHOWN,),
                "run [nograph] [v…] [scores] [utilization]", example="run scores"),
        Command("simulate", "cibstatus:simulate", "show all that would be done, and the state after it", (_SHOWN,),
                "simulate [nograph] [v…] [scores] [utilization]", example="node node2 offline\nsimulate"),
    ), help="The state lives as long as the session. Configuration changes that are not committed count.")
