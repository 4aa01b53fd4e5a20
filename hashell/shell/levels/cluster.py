"""The cluster level: starting and stopping the stack, embedded clusters, and the state of the whole."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_WORDS = Argument("OPTION", "cluster", optional=True, repeat=True)


def _membership() -> tuple[Command, ...]:
    nodes = Argument("NODE", "nodes", optional=True, repeat=True)
    return (
        Command("init", "setup:init", "make a new cluster of this machine", (_WORDS,),
                "init [-y] [-q] [-n NAME] [-i ADDRESS|INTERFACE]… [-t udpu|udp|knet] [-A IP] [-N HOST]…\n"
                "     [--qnetd-hostname HOST [--qdevice-algo ffsplit|lms] [--qdevice-port PORT] "
                "[--qdevice-tie-breaker lowest|highest|ID] [--qdevice-tls on|off|required]]\n"
                "init qdevice --qnetd-hostname HOST…\ninit --embedded N\n\n"
                "Writes corosync.conf and the ring's key, here and over ssh on each HOST, starts "
                "the nodes, and sets\ninitial options. -A gives the cluster an address of its own; --qnetd-hostname a "
                "quorum device at a machine that\nruns corosync-qnetd, which needs two nodes: init qdevice adds it to "
                "a cluster that has them.\nIts certificates are made there over ssh; --qdevice-tls off does "
                "without. A corosync.conf that was there is kept, and the "
                "CIB of a former cluster set aside.\nWhere user hacluster, group haclient or the systemd unit are "
                "missing, they are made. The same again changes nothing; a running cluster is never "
                "replaced.", example="init -y -n office -i 192.0.2.11", needs="machine"),
        Command("join", "joining:join", "take this machine into the cluster of another", (_WORDS,),
                "join -c HOST [-y] [-q] [-n NAME] [-i ADDRESS|INTERFACE]…\n\nShows what it will do and asks; -y does "
                "not ask. Needs ssh without a password from this machine to every\nnode (ssh-copy-id), and for cluster "
                "stop NODE and the like between all of them. -n: only if the cluster has\nthat name. -i: the own "
                "address on each link, else the one from which HOST is reached. The same again\nchanges nothing.",
                example="join -c node1", needs="machine"),
        Command("remove", "joining:remove", "take nodes out of the cluster for good", (_WORDS,),
                "remove [-y] [-F] NODE…\nremove --qdevice\n\n"
                "Stops them, takes them out of corosync.conf and the CIB, and deletes their "
                "corosync.conf and key; their CIB is\nset aside. -F is needed for this machine, for the last node, and "
                "for one that is not reached.", ("delete",), example="remove -y node3", needs="machine"),
        Command("rename", "setup:rename", "change the name of the cluster", (Argument("NAME"),),
                "rename NAME\n\nIn corosync.conf of all nodes, and as the property cluster-name.",
                example="rename office", needs="cluster"),
        Command("enable", "machines:enable", "start the cluster when machines boot", (nodes,),
                "enable [--all|NODE…]\n\nThis machine without a name. Needs systemd.",
                example="enable --all", needs="machine"),
        Command("disable", "machines:disable", "do not start the cluster when machines boot", (nodes,),
                "disable [--all|NODE…]", example="disable --all", needs="machine"),
        Command("geo_init", "geo:geo_init", "make this cluster the first site of several", (_WORDS,),
                'geo_init -s "NAME=IP NAME=IP…" [-t "TICKET…"] [-a ARBITRATOR]\n\nWrites the configuration of the '
                "ticket manager booth and defines its resources as group g-booth.", ("geo-init",),
                example="geo_init -s \"paris=192.0.2.10 rome=192.0.2.20\" -t ticket-a -a 192.0.2.14",
                needs="machine"),
        Command("geo_join", "geo:geo_join", "make this cluster a further site", (_WORDS,),
                'geo_join -c HOST -s "NAME=IP NAME=IP…"\n\nHOST is a node of the first site.', ("geo-join",),
                example="geo_join -c paris1 -s \"paris=192.0.2.10 rome=192.0.2.20\"", needs="machine"),
        Command("geo_init_arbitrator", "geo:geo_init_arbitrator", "make this machine the arbitrator between sites",
                (_WORDS,), "geo_init_arbitrator -c HOST\n\nHOST is a node of the first site. Starts booth here, now "
                "and after each boot; geo_init -a must have named this machine.", ("geo-init-arbitrator",),
                example="geo_init_arbitrator -c paris1", needs="machine"),
    )


def _everywhere() -> tuple[Command, ...]:
    nodes = Argument("NODE", "nodes", optional=True, repeat=True)
    return (
        Command("run", "hostfiles:run", "run a command on all nodes", (Argument("COMMAND"), nodes),
                "run COMMAND [NODE…]\n\nOver ssh; on embedded nodes with HASHELL_TALK_TO set to the node.",
                example="run \"uptime\"", needs="cluster"),
        Command("copy", "hostfiles:copy", "copy a file to the same place on other nodes",
                (Argument("FILE", "files"), nodes), "copy FILE [NODE…]", example="copy /etc/motd", needs="machine"),
        Command("diff", "hostfiles:diff", "compare a file on all nodes",
                (Argument("FILE", "files"), Argument("--checksum|NODE", "nodes", ("--checksum",), optional=True,
                                                     repeat=True)),
                "diff FILE [--checksum] [NODE…]", example="diff /etc/hosts --checksum", needs="cluster"),
        Command("health", "health:health", "check the whole cluster", (Argument("--fix", optional=True),),
                "health\n\nConfiguration, nodes, fencing, quorum, failed operations and left-over constraints; each "
                "problem with\nthe command that tells more.", example="health", needs="cluster"),
        Command("crash_test", "health:crash_test", "break something and see the cluster get over it", (
            Argument("WHAT", "", ("--kill-corosync", "--kill-pacemakerd", "--kill-controld", "--kill-based",
                                  "--fence-node")), Argument("NODE", "nodes", optional=True)),
                "crash_test --kill-corosync|--kill-pacemakerd|--kill-controld|--kill-based [NODE]\n"
                "crash_test --fence-node NODE\n\nTells each state until all is as well as before, at most three "
                "minutes.", ("crash-test",), example="crash_test --kill-controld node1", needs="cluster"),
    )


def cluster_level() -> Level:
    return Level("cluster", "make, start and stop the cluster", (
        *_membership(), *_everywhere(),
        Command("start", "cluster:start", "start the cluster on this machine", (_WORDS,),
                "start [--all|NODE…]\nstart --embedded [N]\n\nThis machine without a name, the others over ssh. "
                "--embedded starts N nodes on this machine, without root,\nfor trying out; then NODE starts one node "
                "of it again.", example="start --embedded 3", needs="cluster"),
        Command("stop", "cluster:stop", "stop the cluster on this machine", (_WORDS,),
                "stop [--all|NODE…]\n\nThe embedded cluster if it runs (NODE: only that node of it), else this "
                "machine, others over ssh.\nResources are moved or stopped first.", example="stop node2",
                needs="cluster"),
        Command("restart", "cluster:restart", "stop and start", (_WORDS,), "restart [--all|NODE…]",
                example="restart node2", needs="cluster"),
        Command("kill", "cluster:kill", "cut the power of an embedded node", (Argument("NODE", "nodes"),),
                "kill NODE\n\nEvery process of the node is gone at once; the others will fence it.",
                example="kill node2", needs="cluster"),
        Command("destroy", "cluster:destroy", "delete the embedded cluster", (), "destroy\n\nStops it and deletes its "
                "files, the configuration too.", example="destroy", needs="cluster"),
        Command("status", "cluster:status", "show which parts of the cluster run", (_WORDS,), "status",
                example="status", needs="cluster"),
        Command("wait_for_startup", "cluster:wait_for_startup", "wait until the cluster has settled",
                (Argument("SECONDS", optional=True),), "wait_for_startup [SECONDS]", ("wait-for-startup", "wait"),
                example="wait_for_startup 60", needs="cluster"),
    ))
