"""The cluster level: starting and stopping the stack, embedded clusters, and the state of the whole."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_WORDS = Argument("OPTION", "cluster", optional=True, repeat=True)


def cluster_level() -> Level:
    return Level("cluster", "start and stop the cluster", (
        Command("start", "cluster:start", "start the cluster on this machine", (_WORDS,),
                "start [--embedded N]\n\n--embedded starts N nodes on this machine, without root, for trying out."),
        Command("stop", "cluster:stop", "stop the cluster on this machine", (_WORDS,), "stop"),
        Command("restart", "cluster:restart", "stop and start", (_WORDS,), "restart"),
        Command("status", "cluster:status", "show which parts of the cluster run", (_WORDS,), "status"),
        Command("wait_for_startup", "cluster:wait_for_startup", "wait until the cluster has settled",
                (Argument("SECONDS", optional=True),), "wait_for_startup [SECONDS]", ("wait-for-startup", "wait")),
    ))
