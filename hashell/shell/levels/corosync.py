"""The corosync level: the ring below the cluster, bundled or Corosync's own."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level


def corosync_level() -> Level:
    return Level("corosync", "look at the ring: membership, quorum, configuration", (
        Command("status", "corosync:status", "show the state of the ring",
                (Argument("ring|quorum|cpg", "", ("ring", "quorum", "cpg"), optional=True),),
                "status [ring|quorum|cpg]\n\nring: links to the other nodes; quorum: votes; cpg: which processes are "
                "in which groups."),
        Command("show", "corosync:show", "show corosync.conf", (), "show"),
        Command("get", "corosync:get", "show values of the ring's run-time map", (Argument("KEY"),),
                "get KEY\n\nKEY or the beginning of keys, such as totem. or nodelist.node.0"),
        Command("reload", "corosync:reload", "have the ring read corosync.conf again", (), "reload"),
    ))
