"""What groups, clones and bundles have beyond other resources (model spec 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import NodeCopy, Resource


class GroupData:
    __slots__ = ("ordered", "colocated", "last_child")

    def __init__(self) -> None:
        self.ordered = True
        self.colocated = True
        self.last_child: Resource | None = None


class CloneData:
    __slots__ = (
        "clone_max", "clone_node_max", "promoted_max", "promoted_node_max", "total_clones", "ordered", "child_xml",
        "added_promoted_constraints", "added_promotion_scores", "notify_data", "stop_notify", "start_notify",
        "demote_notify", "promote_notify",
    )  # fmt: skip

    def __init__(self) -> None:
        self.clone_max = 0
        self.clone_node_max = 1
        self.promoted_max = 0
        self.promoted_node_max = 0
        self.total_clones = 0
        self.ordered = False
        self.child_xml: _Element | None = None
        self.added_promoted_constraints = False  #: "promotion constrained" (actions spec 8.3)
        self.added_promotion_scores = False
        self.notify_data: Any = None
        self.stop_notify: Any = None
        self.start_notify: Any = None
        self.demote_notify: Any = None
        self.promote_notify: Any = None


class Port:
    __slots__ = ("source", "target")

    def __init__(self, source: str, target: str) -> None:
        self.source = source
        self.target = target


class Mount:
    __slots__ = ("source", "target", "options", "subdir")

    def __init__(self, source: str, target: str, options: str | None = None, subdir: bool = False) -> None:
        self.source = source
        self.target = target
        self.options = options
        self.subdir = subdir


class Replica:
    """One container of a bundle with what goes with it."""

    __slots__ = ("offset", "ipaddr", "container", "ip", "child", "remote", "node")

    def __init__(self, offset: int, child: Resource | None = None) -> None:
        self.offset = offset
        self.ipaddr: str | None = None
        self.container: Resource = None  # type: ignore[assignment]  # set as soon as the replica is unpacked
        self.ip: Resource | None = None
        self.child = child
        self.remote: Resource | None = None
        self.node: NodeCopy | None = None  #: the bundle node


class BundleData:
    __slots__ = (
        "prefix", "agent", "promoted_max", "nreplicas", "nreplicas_per_host", "image", "ip_range_start", "ip_last",
        "host_network", "host_netmask", "control_port", "add_host", "container_network", "launcher_options",
        "container_command", "container_host_options", "ports", "mounts", "replicas", "child", "attribute_target",
        "nesting",
    )  # fmt: skip

    def __init__(self, prefix: str, agent: str) -> None:
        self.prefix = prefix
        self.agent = agent  #: docker or podman
        self.promoted_max = 0
        self.nreplicas = 1
        self.nreplicas_per_host = 1
        self.image: str | None = None
        self.ip_range_start: str | None = None
        self.ip_last: str | None = None
        self.host_network: str | None = None
        self.host_netmask: str | None = None
        self.control_port: str | None = None
        self.add_host = True
        self.container_network: str | None = None
        self.launcher_options: str | None = None
        self.container_command: str | None = None
        self.container_host_options: str | None = None
        self.ports: list[Port] = []
        self.mounts: list[Mount] = []
        self.replicas: list[Replica] = []
        self.child: Resource | None = None  #: the implicit clone
        self.attribute_target: str | None = None
        self.nesting = 0  #: calls under way that assign this bundle
