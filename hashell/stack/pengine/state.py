"""The data model of the policy engine: everything one scheduler run knows (model spec chapter 1).

Order is part of the meaning. A list that the specification prepends to is kept here in creation order and walked
with `reversed()`, except Location.nodes, which stands as it is walked. Tables are dicts in insertion order and are
never walked where that order could reach an output unless the specification sorts first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hashell.stack.pengine.kinds import (
    MultiplyActive,
    NodeVariant,
    ProbeMode,
    QuorumPolicy,
    Role,
    Variant,
)
from hashell.stack.pengine.relations import Action, Colocation, Location, Ordering, Relation, TicketConstraint
from hashell.stack.pengine.variants import BundleData, CloneData, GroupData, Mount, Port, Replica

__all__ = [
    "Action", "BundleData", "CloneData", "Colocation", "GroupData", "IdRef", "Location", "Mount", "Node", "NodeCopy",
    "Ordering", "Port", "Relation", "Replica", "Resource", "Step", "Ticket", "TicketConstraint",
    "WorkingSet",
]  # fmt: skip

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.model.dates import DateTime
    from hashell.model.diagnostics import Diagnostic
    from hashell.stack.pengine.ledger import Ledger


class IdRef:
    """A tag or template: its id and the ids that belong to it, unique and in order."""

    __slots__ = ("id", "refs")

    def __init__(self, id: str) -> None:
        self.id = id
        self.refs: list[str] = []

    def add(self, ref: str) -> None:
        if ref not in self.refs:
            self.refs.append(ref)


class Node:
    """The shared part of a node: one object a node, compared with `is`. Score tables hold NodeCopy."""

    __slots__ = (
        "id", "name", "variant", "score", "probe_mode", "online", "unclean", "shutdown", "pending", "maintenance",
        "seen", "unpacked", "standby", "fail_standby", "expected_up", "remote_reset", "remote_fenced", "remote_maint",
        "probes_allowed", "attrs", "utilization", "remote", "priority", "running_rsc", "digest_cache", "count",
        "num_resources",
    )  # fmt: skip

    def __init__(self, id: str, name: str, variant: str = NodeVariant.CLUSTER, score: int = 0) -> None:
        self.id = id
        self.name = name
        self.variant = variant
        self.score = score  #: of the entry in WorkingSet.nodes; copies start with it
        self.probe_mode = ProbeMode.ALWAYS  #: of the entry in WorkingSet.nodes
        self.count = 0  #: instances assigned here while clones are distributed (entry in WorkingSet.nodes)
        self.online = False
        self.unclean = False
        self.shutdown = False
        self.pending = False
        self.maintenance = False
        self.seen = False
        self.unpacked = False
        self.standby = False
        self.fail_standby = False
        self.expected_up = False
        self.remote_reset = False
        self.remote_fenced = False
        self.remote_maint = False
        self.probes_allowed = True
        self.attrs: dict[str, str] = {}
        self.utilization: dict[str, str] = {}
        self.remote: Resource | None = None  #: connection resource of a remote or guest node
        self.priority = 0
        self.running_rsc: list[Resource] = []
        self.digest_cache: dict[str, Any] = {}
        self.num_resources = 0  #: resources assigned here in this run

    def copy(self) -> NodeCopy:
        """A table entry with the node's own score and probe mode."""
        return NodeCopy(self, self.score, self.probe_mode)

    def is_guest(self) -> bool:
        """Guest or bundle node: its connection has a launcher."""
        return self.remote is not None and self.variant == NodeVariant.REMOTE and self.remote.launcher is not None

    def is_remote(self) -> bool:
        """Pacemaker Remote node that is not a guest."""
        return self.variant == NodeVariant.REMOTE and (self.remote is None or self.remote.launcher is None)

    def is_pacemaker_remote(self) -> bool:
        """Remote, guest or bundle node."""
        return self.variant == NodeVariant.REMOTE

    def __repr__(self) -> str:
        return f"<Node {self.name}>"


class NodeCopy:
    """A node with an assignment score: the value type of allowed_nodes, probed_nodes and location lists."""

    __slots__ = ("node", "score", "count", "probe_mode")

    def __init__(self, node: Node, score: int = 0, probe_mode: int = ProbeMode.ALWAYS, count: int = 0) -> None:
        self.node = node
        self.score = score
        self.count = count
        self.probe_mode = probe_mode

    @property
    def id(self) -> str:
        return self.node.id

    @property
    def name(self) -> str:
        return self.node.name

    def copy(self) -> NodeCopy:
        return NodeCopy(self.node, self.score, self.probe_mode, self.count)

    def __repr__(self) -> str:
        return f"<NodeCopy {self.node.name}={self.score}>"


class Resource:
    """A primitive, group, clone or bundle, or one instance of a clone (id "ID:N")."""

    __slots__ = (
        "id", "xml", "orig_xml", "ops_xml", "variant", "parent", "children", "working_set",
        "group", "clone", "bundle",
        "removed", "managed", "blocked", "removed_launched", "notify", "unique", "fence_device", "promotable",
        "unassigned", "stop_if_failed", "remote_nesting_allowed", "critical", "failed", "is_remote_connection",
        "start_pending", "exclusive_probes", "migratable", "ignore_failure", "replica_container", "maintenance",
        "needs_quorum", "needs_fencing", "needs_unfencing",
        "assigning", "updating_nodes", "restarting", "reload", "detect_loop", "stop_unexpected",
        "meta", "parameter_cache", "utilization", "priority", "promotion_priority", "stickiness",
        "ban_after_failures", "failure_expiration_ms", "remote_reconnect_ms", "multiply_active_policy",
        "orig_role", "next_role", "history_id", "pending_action", "pending_node", "active_nodes", "probed_nodes",
        "allowed_nodes", "assigned_node", "lock_node", "lock_time", "partial_migration_source",
        "partial_migration_target", "dangling_migration_sources", "launcher", "launched", "location_constraints",
        "ticket_constraints", "this_with_colocations", "with_this_colocations", "actions", "actions_by_key",
        "actions_by_task",
        "child_of_bundle", "op_cache", "scratch",
    )  # fmt: skip

    def __init__(self, working_set: WorkingSet, id: str, xml: _Element, variant: int, parent: Resource | None) -> None:
        self.id = id
        self.xml = xml
        self.orig_xml: _Element | None = None
        self.ops_xml: _Element | None = None
        self.variant = variant
        self.parent = parent
        self.children: list[Resource] = []
        self.working_set = working_set
        self.group: GroupData = None  # type: ignore[assignment]  # exactly one of the three, by variant
        self.clone: CloneData = None  # type: ignore[assignment]
        self.bundle: BundleData = None  # type: ignore[assignment]
        self._init_flags()
        self._init_values()

    def _init_flags(self) -> None:
        self.removed = False  #: orphan
        self.managed = True
        self.blocked = False
        self.removed_launched = False
        self.notify = False
        self.unique = False
        self.fence_device = False
        self.promotable = False
        self.unassigned = True
        self.stop_if_failed = False
        self.remote_nesting_allowed = False
        self.critical = True
        self.failed = False
        self.is_remote_connection = False
        self.start_pending = False
        self.exclusive_probes = False
        self.migratable = False
        self.ignore_failure = False
        self.replica_container = False
        self.maintenance = False
        self.needs_quorum = False
        self.needs_fencing = False
        self.needs_unfencing = False
        self.assigning = False
        self.updating_nodes = False
        self.restarting = False
        self.reload = False
        self.detect_loop = False
        self.stop_unexpected = False

    def _init_values(self) -> None:
        self.meta: dict[str, str] = {}
        self.parameter_cache: dict[str, dict[str, str]] = {}
        self.utilization: dict[str, str] = {}
        self.priority = 0
        self.promotion_priority = 0
        self.stickiness = 0
        self.ban_after_failures = 0
        self.failure_expiration_ms = 0
        self.remote_reconnect_ms = 0
        self.multiply_active_policy = MultiplyActive.RESTART
        self.orig_role = Role.STOPPED
        self.next_role = Role.UNKNOWN
        self.history_id: str | None = None
        self.pending_action: str | None = None
        self.pending_node: Node | None = None
        self.active_nodes: list[Node] = []
        self.probed_nodes: dict[str, NodeCopy] = {}  #: by node id
        self.allowed_nodes: dict[str, NodeCopy] = {}  #: by node id
        self.assigned_node: NodeCopy | None = None
        self.lock_node: Node | None = None
        self.lock_time = 0
        self.partial_migration_source: Node | None = None
        self.partial_migration_target: Node | None = None
        self.dangling_migration_sources: list[Node] = []  #: in creation order
        self.launcher: Resource | None = None
        self.launched: list[Resource] = []
        self.location_constraints: list[Location] = []  #: in creation order
        self.ticket_constraints: list[TicketConstraint] = []
        self.this_with_colocations: list[Colocation] = []  #: self is the dependent; sorted by primary
        self.with_this_colocations: list[Colocation] = []  #: self is the primary; sorted by dependent
        self.actions: list[Action] = []  #: in creation order
        self.actions_by_key: dict[str, list[Action]] = {}  #: lower-cased key -> in creation order
        self.actions_by_task: dict[str, list[Action]] = {}  #: in creation order
        self.child_of_bundle: bool | None = None  #: cache of is_bundled()
        self.op_cache: dict[Any, Any] = {}
        self.scratch: dict[str, Any] = {}  #: later stages' per-resource data

    def top(self, include_bundle: bool = False) -> Resource:
        """The highest ancestor; without bundles the climb stops below a bundle ("uber parent")."""
        rsc = self
        while rsc.parent is not None and (include_bundle or rsc.parent.variant != Variant.BUNDLE):
            rsc = rsc.parent
        return rsc

    def is_anonymous_clone(self) -> bool:
        return self.variant == Variant.CLONE and not self.unique

    def is_bundled(self) -> bool:
        """Below a bundle, and not the bundle itself."""
        if self.child_of_bundle is None:
            top = self.top(include_bundle=True)
            self.child_of_bundle = top is not self and top.variant == Variant.BUNDLE
        return self.child_of_bundle

    def bundle_replica(self) -> Replica | None:
        """The replica that has this resource as container, ip, child or remote."""
        rsc: Resource | None = self
        while rsc is not None and rsc.variant != Variant.BUNDLE:
            rsc = rsc.parent
        if rsc is None:
            return None
        for replica in rsc.bundle.replicas:
            if self is replica.container or self is replica.ip or self is replica.child or self is replica.remote:
                return replica
        return None

    def leaves(self) -> Iterator[Resource]:
        """All resources without children below this one (or itself), in order."""
        if not self.children:
            yield self
        else:
            for child in self.children:
                yield from child.leaves()

    def walk(self) -> Iterator[Resource]:
        """This resource and its descendants, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def is_ancestor_of(self, other: Resource) -> bool:
        rsc = other.parent
        while rsc is not None:
            if rsc is self:
                return True
            rsc = rsc.parent
        return False

    def xml_id(self) -> str:
        return self.xml.get("id") or self.id

    def display_id(self) -> str:
        """The id as shown: without instance number when instances are anonymous."""
        return self.id if self.unique else self.xml_id()

    def agent_class(self) -> str:
        return self.xml.get("class") or ""

    def __repr__(self) -> str:
        return f"<Resource {self.id}>"


class Ticket:
    __slots__ = ("id", "granted", "standby", "last_granted", "state")

    def __init__(self, id: str) -> None:
        self.id = id
        self.granted = False
        self.standby = False
        self.last_granted = -1  #: epoch seconds
        self.state: dict[str, str] = {}


#: An action of the transition graph and the actions that it waits for.
Step = tuple[Action, list[Action]]


class WorkingSet:
    """All data of one scheduler run."""

    def __init__(self, cib: _Element, now: DateTime) -> None:
        self.cib = cib  #: is modified: uname and rsc_id on failed history, appended connections
        self.now = now
        self.recheck_by = 0  #: epoch seconds, 0 = none
        self.unpacked = False  #: configuration and status are in the model
        self.accepted = True  #: False: the CIB needs a newer engine, nothing was unpacked
        self._init_flags()
        self._init_options()
        self.nodes: list[Node] = []  #: sorted by name (model spec 7.1)
        self.resources: list[Resource] = []  #: top level
        self.templates: dict[str, IdRef | None] = {}
        self.tags: dict[str, IdRef] = {}
        self.tickets: dict[str, Ticket] = {}
        self.location_constraints: list[Location] = []  #: in creation order
        self.colocation_constraints: list[Colocation] = []  #: in creation order
        self.ordering_constraints: list[Ordering] = []  #: in creation order
        self.actions: list[Action] = []  #: in creation order
        self.next_action_id = 1
        self.steps: list[Step] = []  #: of the transition graph, in its order
        self.graph_recheck_by = 0  #: recheck_by when the graph was begun
        self.assignment_version = 0  #: grows with every assignment and every change of the order of instances
        self.singletons: dict[str, Action] = {}
        self.next_ordering_id = 1
        self.failed: list[_Element] = []
        self.param_check: list[Any] = []  #: deferred digest checks, in creation order: (kind, entry, rsc, node, check)
        self.stop_needed: list[Resource] = []  #: in creation order
        self.dc_node: Node | None = None
        self.rsc_defaults: _Element | None = None
        self.op_defaults: _Element | None = None
        self.ninstances = 0
        self.disabled_resources = 0
        self.blocked_resources = 0
        self.messages: list[Diagnostic] = []  #: configuration errors and warnings, in order
        self.notes: list[str] = []  #: remarks on sanitized inputs, for the reader of a simulation
        self.scores: list[str] = []  #: lines of the score listing, filled when output_scores
        self.node_by_name: dict[str, Node] = {}  #: lower-cased name
        self.node_by_id: dict[str, Node] = {}  #: exact id
        self.caches: dict[str, Any] = {}  #: lookups of single stages, by stage name
        self.ledger: Ledger | None = None  #: causes of decisions, kept only when asked for

    def _init_flags(self) -> None:
        self.quorate = False
        self.symmetric_cluster = True
        self.in_maintenance = False
        self.fencing_enabled = False
        self.have_fencing = False
        self.enable_unfencing = False
        self.concurrent_fencing = True
        self.stop_removed_resources = True
        self.cancel_removed_actions = True
        self.stop_all = False
        self.start_failure_fatal = False
        self.startup_fencing = False
        self.shutdown_lock = False
        self.probe_resources = False
        self.have_remote_nodes = False
        self.processing_error = False
        self.processing_warning = False
        self.location_only = False
        self.sanitized = False
        self.no_counts = False
        self.validate_only = False
        self.output_scores = False
        self.show_utilization = False

    def _init_options(self) -> None:
        self.no_quorum_policy = QuorumPolicy.STOP
        self.options: dict[str, str] = {}
        self.fence_action = "reboot"
        self.fence_timeout_ms = 60000
        self.priority_fencing_ms = 0
        self.node_pending_ms = 0
        self.shutdown_lock_ms = 0
        self.placement_strategy = "default"
        self.health_strategy = "none"
        self.health_scores: dict[str, int] = {"red": 0, "yellow": 0, "green": 0}

    def find_node(self, name: str | None) -> Node | None:
        """The node of that name, ignoring case."""
        return self.node_by_name.get(name.lower()) if name else None

    def find_node_any(self, id: str | None, name: str | None) -> Node | None:
        """By id (ignoring case), else by name."""
        if id:
            node = self.node_by_id.get(id.lower())
            if node is not None:
                return node
        return self.find_node(name)

    def now_s(self) -> int:
        """Effective time in epoch seconds."""
        return self.now.epoch()
