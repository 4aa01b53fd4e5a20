"""The history level: what the cluster did and why, from saved scheduler inputs and logs."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_NODES = Argument("NODE", "nodes", optional=True, repeat=True)
_PE = Argument("N|FILE", "files")
_OPT_PE = Argument("N|FILE", "files", optional=True)
_ABOUT = "N is a number of `peinputs`; -1 is the last but one."


def _transitions() -> tuple[Command, ...]:
    return (
        Command("source", "history:source", "show or choose where the records are",
                (Argument("live|FOLDER|REPORT", "files", ("live",), optional=True),),
                "source [live|FOLDER|REPORT]\n\nA report is a file made by `hashell report`.",
                example="source report"),
        Command("limit", "history:limit", "look at a period only",
                (Argument("FROM", optional=True), Argument("TO", optional=True)),
                "limit [FROM [TO]]\n\nExamples:\n    limit -2H\n    limit \"2026-01-31 14:00\" \"2026-01-31 15:00\"",
                ("timeframe",), example="source report\nlimit -2H"),
        Command("refresh", "history:refresh", "read the records again", (Argument("force", "", ("force",),
                optional=True),), "refresh [force]", example="source report\nrefresh"),
        Command("info", "history:info", "show what records there are", (), "info", example="source report\ninfo"),
        Command("latest", "history:latest", "show the last thing the cluster did", (), "latest",
                example="source report\nlatest"),
        Command("peinputs", "history:peinputs", "list the saved scheduler inputs",
                (Argument("N", optional=True, repeat=True),), "peinputs [N…]", example="source report\npeinputs"),
        Command("transitions", "history:transitions", "list transitions with what they did", (), "transitions",
                example="source report\ntransitions"),
        Command("transition", "history:transition", "show what was decided, and what came of it",
                (_OPT_PE, Argument("WORD", "", ("scores", "utilization", "actions", "nograph", "v"), optional=True,
                                   repeat=True)),
                f"transition [N|FILE] [scores] [utilization] [actions]\n\n{_ABOUT}",
                example="source report\ntransition 1 scores"),
        Command("show", "history:show", "show the configuration of that time",
                (_PE, Argument("status", "", ("status",), optional=True)),
                f"show N|FILE [status]\n\nstatus shows the whole CIB as XML. {_ABOUT}",
                example="source report\nshow -1"),
        Command("diff", "history:diff", "compare the configuration of two times",
                (_PE, _PE, Argument("status", "", ("status",), optional=True)),
                f"diff N|FILE N|FILE|live [status]\n\n{_ABOUT}",
                example="source report\ndiff 1 live"),
        Command("wdiff", "sessions:wdiff", "compare two times word by word",
                (_PE, _PE, Argument("status", "", ("status",), optional=True)),
                f"wdiff N|FILE N|FILE|live [status]\n\n[-gone-] and {{+new+}}. {_ABOUT}",
                example="source report\nwdiff 1 2"),
        Command("session", "sessions:session", "keep what is looked at, and come back to it",
                (Argument("VERB", "", ("save", "load", "delete", "pack", "update", "list"), optional=True),
                 Argument("NAME", "sessions", optional=True)),
                "session [save|load|delete NAME | pack [NAME] | update | list]\n\nOf a running cluster the files are "
                "kept too, as nodes throw them away.", example="source report\nsession save trouble\nsession list"),
        Command("setnodes", "sessions:setnodes", "look at some nodes only", (Argument("NODE", "nodes", repeat=True),),
                "setnodes NODE…", example="source report\nsetnodes node1"),
        Command("detail", "sessions:detail", "say how much of the logs is shown",
                (Argument("0|1", "", ("0", "1")),), "detail 0|1\n\n1 shows every line.",
                example="source report\ndetail 1"),
    )


def _logs() -> tuple[Command, ...]:
    return (
        Command("graph", "history:graph", "draw a transition", (_OPT_PE, Argument("OUT", "files", optional=True)),
                "graph [N|FILE] [OUT]\n\nWithout OUT the text for Graphviz; OUT may end in .svg or .png.",
                example="source report\ngraph 1"),
        Command("log", "history:log", "show the logs of nodes, put together", (_NODES,), "log [NODE…]",
                example="source report\nlog node1"),
        Command("events", "history:events", "show what happened", (_NODES,), "events [NODE…]",
                example="source report\nevents"),
        Command("resource", "history:resource", "show what happened to resources",
                (Argument("RESOURCE", "resources", repeat=True),), "resource RESOURCE…",
                example="source report\nresource web"),
        Command("node", "history:node", "show what happened to nodes", (Argument("NODE", "nodes", repeat=True),),
                "node NODE…", example="source report\nnode node1"),
        Command("exclude", "history:exclude", "leave log lines out",
                (Argument("RE|clear", "", ("clear",), optional=True),), "exclude [RE|clear]",
                example="source report\nexclude heartbeat"),
    )


def history_level() -> Level:
    return Level("history", "what the cluster did", _transitions() + _logs())
