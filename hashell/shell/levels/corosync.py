"""The corosync level: the ring below the cluster, bundled or Corosync's own."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level


def corosync_level() -> Level:
    return Level("corosync", "look at the ring: membership, quorum, configuration", (
        Command("status", "corosync:status", "show the state of the ring",
                (Argument("ring|quorum|cpg", "", ("ring", "quorum", "cpg"), optional=True),),
                "status [ring|quorum|cpg] [--output-as=text|json|xml]\n\nring: the links to the other nodes with "
                "their loss, round trip and MTU, times when this node did not run, and one sentence of advice; "
                "quorum: votes; cpg: which processes are in which groups."),
        Command("tune", "corosync:tune", "propose a token timeout from what the ring has measured", (),
                "tune [--output-as=text|json|xml]\n\nChanges nothing: it prints the lines for corosync.conf."),
        Command("show", "corosync:show", "show corosync.conf", (), "show"),
        Command("get", "corosync:get", "show values of the ring's run-time map", (Argument("KEY"),),
                "get KEY\n\nKEY or the beginning of keys, such as totem. or nodelist.node.0"),
        Command("reload", "corosync:reload", "have the ring read corosync.conf again", (), "reload"),
    ))
