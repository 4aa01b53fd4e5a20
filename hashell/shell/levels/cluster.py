"""The cluster level: starting and stopping the stack, embedded clusters, and the state of the whole."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_WORDS = Argument("OPTION", "cluster", optional=True, repeat=True)


def cluster_level() -> Level:
    return Level("cluster", "start and stop the cluster", (
        Command("start", "cluster:start", "start the cluster on this machine", (_WORDS,),
                "start [--embedded [N]] [NODE…]\n\n--embedded starts N nodes on this machine, without root, for trying "
                "out.\nNODE starts one node of it again."),
        Command("stop", "cluster:stop", "stop the cluster on this machine", (_WORDS,),
                "stop [NODE…]\n\nThe embedded cluster if it runs (NODE: only that node of it), else this machine. "
                "Resources are\nmoved or stopped first."),
        Command("restart", "cluster:restart", "stop and start", (_WORDS,), "restart [NODE…]"),
        Command("kill", "cluster:kill", "cut the power of an embedded node", (Argument("NODE", "nodes"),),
                "kill NODE\n\nEvery process of the node is gone at once; the others will fence it."),
        Command("destroy", "cluster:destroy", "delete the embedded cluster", (), "destroy\n\nStops it and deletes its "
                "files, the configuration too."),
        Command("status", "cluster:status", "show which parts of the cluster run", (_WORDS,), "status"),
        Command("wait_for_startup", "cluster:wait_for_startup", "wait until the cluster has settled",
                (Argument("SECONDS", optional=True),), "wait_for_startup [SECONDS]", ("wait-for-startup", "wait")),
    ))
