"""The corosync level: the ring below the cluster, bundled or Corosync's own."""

from __future__ import annotations

from hashell.shell.table import Argument, Below, Command, Level

_NODES = Argument("NODE", "nodes", optional=True, repeat=True)
_ADDRESSES = Argument("NODE=ADDRESS", "link_nodes", optional=True, repeat=True)


def link_level() -> Level:
    return Level("link", "the links of the ring (transport knet)", (
        Command("show", "ringconf:link_show", "show the links with their addresses", (), "show",
                example="show", needs="cluster"),
        Command("add", "ringconf:link_add", "add a link", (_ADDRESSES,),
                "add NODE=ADDRESS… [options NAME=VALUE…]\n\nOf every node an address. Options: mcastport, "
                "knet_link_priority, knet_ping_interval, knet_ping_timeout,\nknet_ping_precision, knet_pong_count, "
                "knet_transport.", example="add node1=198.51.100.11 node2=198.51.100.12", needs="machine"),
        Command("update", "ringconf:link_update", "change addresses or options of a link",
                (Argument("LINK"), _ADDRESSES), "update LINK [NODE=ADDRESS…] [options NAME=[VALUE]…]\n\nAn option "
                "without a value is removed.", example="update 0 options mcastport=5405", needs="machine"),
        Command("remove", "ringconf:link_remove", "remove a link", (Argument("LINK"),), "remove LINK",
                example="remove 1", needs="machine"),
    ))


def corosync_level() -> Level:
    return Level("corosync", "look at the ring: membership, quorum, configuration", (
        Command("status", "corosync:status", "show the state of the ring",
                (Argument("PART", "", ("ring", "quorum", "cpg", "qdevice", "qnetd"), optional=True),),
                "status [ring|quorum|cpg|qdevice|qnetd] [--output-as=text|json|xml]\n\nring: the links to the other "
                "nodes with their loss, round trip and MTU, times when this node did not run, and a sentence of "
                "advice;\n"
                "quorum: votes; cpg: which processes are in which groups;\n"
                "qdevice and qnetd: the quorum device, which is a program of its own.",
                example="status quorum", needs="cluster"),
        Command("tune", "corosync:tune", "propose a token timeout from what the ring has measured", (),
                "tune [--output-as=text|json|xml]\n\nChanges nothing: it prints the lines for corosync.conf.",
                example="tune", needs="cluster"),
        Command("show", "corosync:show", "show corosync.conf", (), "show", example="show", needs="cluster"),
        Command("get", "corosync:get", "show values of corosync.conf or of the ring's run-time map",
                (Argument("PATH|KEY"),), "get PATH|KEY\n\nA path of corosync.conf such as totem.token, or of the map "
                "the beginning of keys, such as\nruntime.votequorum or nodelist.node.0",
                example="get totem.token", needs="cluster"),
        Command("set", "ringconf:set_", "change a value of corosync.conf",
                (Argument("PATH"), Argument("VALUE"), Argument("INDEX", optional=True)),
                "set PATH VALUE [INDEX]\n\nINDEX chooses among several sections, such as nodelist.node. What the ring "
                "would refuse is refused.", example="set totem.token 1500", needs="cluster"),
        Command("edit", "ringconf:edit", "edit corosync.conf in your editor", (), "edit",
                example="edit", needs="terminal"),
        Command("push", "ringconf:push", "copy corosync.conf to other nodes", (_NODES,), "push [NODE…]",
                example="push", needs="cluster"),
        Command("pull", "ringconf:pull", "take corosync.conf of another node", (Argument("NODE", "nodes"),),
                "pull NODE", example="pull node2", needs="cluster"),
        Command("diff", "ringconf:diff", "compare corosync.conf on all nodes", (
            Argument("--checksum|NODE", "nodes", ("--checksum",), optional=True, repeat=True),),
                "diff [--checksum] [NODE…]", example="diff", needs="cluster"),
        Command("log", "ringconf:log", "show the log of the ring", (), "log", example="log", needs="cluster"),
        Command("reload", "corosync:reload", "have the ring read corosync.conf again", (), "reload",
                example="reload", needs="cluster"),
    ), (Below("link", "corosync:link_level"),))
