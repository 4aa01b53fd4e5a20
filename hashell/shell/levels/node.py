"""The node level: standby, maintenance, fencing and attributes of nodes."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_NODE = Argument("NODE", "nodes", optional=True)
_NODES = Argument("NODE", "nodes", optional=True, repeat=True)
_ONE = Argument("NODE", "nodes")
_VERB = Argument("set|delete|show", "", ("set", "delete", "show"))
_NAME = Argument("NAME")
_VALUE = Argument("VALUE", optional=True)


def _attribute(name: str, what: str, example: str, needs: str = "") -> Command:
    return Command(
        name, f"node:{name.replace('-', '_')}", f"show or change a {what} of a node", (_ONE, _VERB, _NAME, _VALUE),
        f"{name} NODE set NAME VALUE\n{name} NODE delete NAME\n{name} NODE show NAME", changes=True, example=example,
        needs=needs,
    )


def node_level() -> Level:
    return Level("node", "put nodes on standby, fence them, set their attributes", (
        Command("show", "node:show", "show nodes and their attributes", (_NODE,), "show [NODE]", ("list", "status"),
                example="show node1"),
        Command("standby", "node:standby", "move all resources off nodes", (_NODES,),
                "standby [NODE…] [reboot|forever]\n\nWithout NODE this node is meant. `online` ends it.", changes=True,
                example="standby node2"),
        Command("online", "node:online", "end standby", (_NODES,), "online [NODE…]", changes=True,
                example="online node2"),
        Command("maintenance", "node:maintenance", "leave the node's resources alone", (_NODES,),
                "maintenance [NODE…]\n\n`ready` ends it.", example="maintenance node1"),
        Command("ready", "node:ready", "end maintenance", (_NODES,), "ready [NODE…]", changes=True,
                example="ready node1"),
        Command("fence", "node:fence", "have a node fenced now", (_ONE,),
                "fence NODE\n\nThe node is cut off or restarted by its fencing device. Asks first.", ("stonith",),
                changes=True, example="fence node2", needs="cluster"),
        Command("clearstate", "node:clearstate", "confirm that a node is down", (_NODE,),
                "clearstate NODE\n\nOnly after you made sure that the node is off: the cluster will start its "
                "resources elsewhere.", changes=True, example="clearstate node2", needs="cluster"),
        Command("server", "node:server", "show the addresses of nodes on the ring", (_NODES,), "server [NODE…]",
                example="server", needs="cluster"),
        Command("delete", "node:delete", "remove a node that is gone for good", (_ONE,), "delete NODE", ("remove",),
                changes=True, example="delete node3"),
        _attribute("attribute", "permanent attribute", example="attribute node1 set rack 7"),
        _attribute("utilization", "utilization attribute", example="utilization node1 set memory 8192"),
        _attribute("status-attr", "attribute that lasts until the node restarts",
                   example="status-attr node1 set load 3", needs="cluster"),
    ))
