"""Resource elements into resources: flags, meta attributes and the members of every variant (model spec ch. 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.durations import interval_ms
from hashell.model.nvpairs import apply_blocks
from hashell.model.rules import Context
from hashell.model.scores import INFINITY, parse_score, score
from hashell.model.values import is_true
from hashell.stack.pengine.kinds import MultiplyActive, QuorumPolicy, Role, Variant, parse_role
from hashell.stack.pengine.messages import config_error, config_warning
from hashell.stack.pengine.state import Resource
from hashell.stack.pengine.unpack.bundles import unpack_bundle
from hashell.stack.pengine.unpack.clones import force_anonymous, unpack_clone
from hashell.stack.pengine.unpack.config import note_change, only
from hashell.stack.pengine.unpack.connections import is_remote_primitive
from hashell.stack.pengine.unpack.groups import unpack_group
from hashell.stack.pengine.unpack.locations import resource_location
from hashell.stack.pengine.unpack.lookup import blocks_of, parameters, register, unpack_meta
from hashell.stack.pengine.unpack.nodes import apply_startup_fencing
from hashell.stack.pengine.unpack.templates import expand_template

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet

_VARIANTS = {"primitive": Variant.PRIMITIVE, "group": Variant.GROUP, "clone": Variant.CLONE, "bundle": Variant.BUNDLE}
_MULTIPLY_ACTIVE = (MultiplyActive.RESTART, MultiplyActive.STOP, MultiplyActive.BLOCK, MultiplyActive.UNEXPECTED)


def unpack_resource(ws: WorkingSet, element: _Element, parent: Resource | None) -> Resource | None:
    """One resource with everything below it; None, with a message, when it is unusable."""
    id = element.get("id")
    if not id:
        config_error(ws, "no-id", element, name=str(element.tag))
        return None
    xml = expand_template(ws, element)
    if xml is None:
        return None
    variant = _VARIANTS.get(str(xml.tag).lower())
    if variant is None:
        config_error(ws, "resource", element, id=id, value=f"unknown kind of resource '{element.tag}'")
        return None
    instance = xml.get("clone")
    rsc = Resource(ws, id if instance is None else f"{id}:{instance}", xml, variant, parent)
    if xml is not element:
        rsc.orig_xml = element
    operations = xml.find("operations")
    rsc.ops_xml = _operations(ws, operations) if operations is not None else None
    unpack_meta(ws, rsc)
    if instance is not None:
        rsc.meta["clone"] = instance
    _flags(ws, rsc)
    _policies(ws, rsc)
    apply_target_role(ws, rsc)
    if not _unpack_variant(ws, rsc):
        config_error(ws, "resource", element, id=rsc.id, value="its parts cannot be used")
        return None
    if ws.symmetric_cluster or (rsc.is_remote_connection and "container" in rsc.meta):
        resource_location(ws, rsc, None, 0, symmetric_default=ws.symmetric_cluster)
    context = Context(ws.now)
    apply_blocks(blocks_of(ws, xml, "utilization"), context, rsc.utilization)
    note_change(ws, context.next_change)
    if xml is not element:
        _record_template_use(ws, str(element.get("template")), rsc.xml_id())
    return rsc


def _operations(ws: WorkingSet, element: _Element) -> _Element | None:
    ref = element.get("id-ref")
    if ref is None:
        return element
    found = [e for e in ws.cib.iter("operations") if e.get("id") == ref]
    if len(found) != 1:
        config_error(ws, "reference", element, id="operations", value=ref)
        return None
    return found[0]


def _record_template_use(ws: WorkingSet, template: str, id: str) -> None:
    from hashell.stack.pengine.state import IdRef

    ref = ws.templates.get(template)
    if ref is None:
        ref = ws.templates[template] = IdRef(template)
    ref.add(id)


def _flags(ws: WorkingSet, rsc: Resource) -> None:
    meta = rsc.meta
    rsc.managed = not ws.in_maintenance
    rsc.priority = score(meta.get("priority"), 0, ws.health_scores)
    critical = meta.get("critical")
    rsc.critical = critical is None or is_true(critical)
    rsc.notify = is_true(meta.get("notify"))
    rsc.is_remote_connection = is_remote_primitive(rsc.xml)
    remote_node = rsc.is_remote_connection and "container" not in meta
    migrate = meta.get("allow-migrate")
    rsc.migratable = is_true(migrate) if migrate is not None else remote_node
    managed = meta.get("is-managed")
    if managed is not None and managed.lower() != "default":
        rsc.managed = is_true(managed)
    if is_true(meta.get("maintenance")) or ws.in_maintenance:
        rsc.managed = False
        rsc.maintenance = True
    if rsc.top().variant == Variant.CLONE:
        unique = meta.get("globally-unique")
        if unique is not None:
            rsc.unique = is_true(unique)
        else:
            rsc.unique = score(meta.get("clone-node-max"), 1) > 1
        rsc.promotable = is_true(meta.get("promotable"))
    else:
        rsc.unique = True


def _policies(ws: WorkingSet, rsc: Resource) -> None:
    meta, health = rsc.meta, ws.health_scores
    multiple = (meta.get("multiple-active") or MultiplyActive.RESTART).lower()
    if multiple in _MULTIPLY_ACTIVE:
        rsc.multiply_active_policy = multiple
    else:
        config_warning(ws, "option", rsc.xml, id=rsc.id, name="multiple-active", value=multiple)
    stickiness = meta.get("resource-stickiness")
    if stickiness is not None and stickiness.lower() != "default":
        rsc.stickiness = score(stickiness, 0, health)
    threshold = meta.get("migration-threshold")
    rsc.ban_after_failures = INFINITY
    if threshold is not None and threshold.lower() != "default":
        value = parse_score(threshold, health)
        if value is not None and value >= 0:
            rsc.ban_after_failures = value
        else:
            config_error(ws, "option", rsc.xml, id=rsc.id, name="migration-threshold", value=threshold)
    if rsc.agent_class().lower() == "stonith":
        ws.have_fencing = True
        rsc.fence_device = True
    _requires(ws, rsc)
    rsc.failure_expiration_ms = interval_ms(meta.get("failure-timeout"))
    if rsc.is_remote_connection and "container" not in meta:
        reconnect = parameters(ws, rsc, None).get("reconnect_interval")
        if reconnect is not None:
            rsc.remote_reconnect_ms = rsc.failure_expiration_ms = interval_ms(reconnect)


def _requires(ws: WorkingSet, rsc: Resource) -> None:
    text = rsc.meta.get("requires")
    value = (text or "").lower()
    if value not in ("nothing", "quorum", "fencing", "unfencing"):
        if text is not None:
            config_error(ws, "option", rsc.xml, id=rsc.id, name="requires", value=text)
        value = _default_requires(ws, rsc)
    if value == "unfencing" and (rsc.fence_device or not ws.fencing_enabled):
        config_warning(ws, "option", rsc.xml, id=rsc.id, name="requires", value=value)
        value = "quorum"
    if value == "quorum":
        rsc.needs_quorum = True
    elif value == "fencing":
        rsc.needs_fencing = True
        if not ws.fencing_enabled:
            config_warning(ws, "option", rsc.xml, id=rsc.id, name="requires", value=value)
    elif value == "unfencing":
        rsc.needs_fencing = rsc.needs_unfencing = True


def _default_requires(ws: WorkingSet, rsc: Resource) -> str:
    if rsc.fence_device or (rsc.variant == Variant.PRIMITIVE and rsc.is_remote_connection):
        return "quorum"
    if ws.enable_unfencing:
        return "unfencing"
    if ws.fencing_enabled:
        return "fencing"
    return "nothing" if ws.no_quorum_policy == QuorumPolicy.IGNORE else "quorum"


def target_role(ws: WorkingSet, rsc: Resource) -> int:
    """The role that target-role asks for, Role.UNKNOWN when it asks for nothing special (spec 8.8)."""
    text = rsc.meta.get("target-role")
    if text is None or text.lower() in ("started", "default"):
        return Role.UNKNOWN
    role = parse_role(text)
    if role == Role.UNKNOWN:
        config_error(ws, "target-role", rsc.xml, id=rsc.id, value=text)
        return Role.UNKNOWN
    if role > Role.STARTED:
        if not rsc.top().promotable:
            config_error(ws, "target-role", rsc.xml, id=rsc.id, value=text)
            return Role.UNKNOWN
        if role > Role.UNPROMOTED:
            return Role.UNKNOWN
    return role


def apply_target_role(ws: WorkingSet, rsc: Resource) -> None:
    role = target_role(ws, rsc)
    if role != Role.UNKNOWN:
        rsc.next_role = role


def _unpack_variant(ws: WorkingSet, rsc: Resource) -> bool:
    if rsc.variant == Variant.GROUP:
        return unpack_group(ws, rsc, unpack_resource)
    if rsc.variant == Variant.CLONE:
        return unpack_clone(ws, rsc, unpack_resource)
    if rsc.variant == Variant.BUNDLE:
        return unpack_bundle(ws, rsc, unpack_resource)
    top, agent_class = rsc.top(), rsc.agent_class().lower()
    if agent_class not in ("ocf", "stonith") and rsc.unique and top.variant == Variant.CLONE:
        force_anonymous(ws, top, rsc)
    return agent_class == "ocf" or not top.promotable


def unpack_resources(ws: WorkingSet, resources: _Element | None) -> None:
    """All resources, then the links between launchers, connections and nodes, then the order by priority."""
    if resources is None:
        return
    for template in resources.iterchildren("template"):
        id = template.get("id")
        if id:
            ws.templates[id] = None
    for element in resources.iterchildren("*"):
        if element.tag == "template":
            continue
        rsc = unpack_resource(ws, element, None)
        if rsc is not None:
            ws.resources.append(rsc)
            register(ws, rsc)
    for rsc in ws.resources:
        link_launchers(ws, rsc)
        link_remote(ws, rsc)
    ws.resources.sort(key=lambda r: -r.priority)
    if ws.fencing_enabled and not ws.have_fencing:
        config_error(ws, "no-fencing")


def link_launchers(ws: WorkingSet, rsc: Resource) -> None:
    """Connect every leaf that names a container with it."""
    from hashell.stack.pengine.unpack.lookup import find_resource

    for leaf in rsc.leaves():
        container = leaf.meta.get("container")
        if not container or container == leaf.id:
            continue
        launcher = find_resource(ws, container)
        if launcher is None:
            config_error(ws, "reference", leaf.xml, id=leaf.id, value=container)
        elif leaf.launcher is None:
            leaf.launcher = launcher
            launcher.launched.append(leaf)


def link_remote(ws: WorkingSet, rsc: Resource) -> None:
    """Connect a top-level remote connection with its node."""
    if not rsc.is_remote_connection:
        return
    node = ws.find_node(rsc.id)
    if node is None:
        return
    node.remote = rsc
    if rsc.launcher is None:
        apply_startup_fencing(ws, node)
    else:
        node.attrs["#kind"] = "container"


def unpack_tags(ws: WorkingSet) -> None:
    """Tags with what they refer to, existing or not."""
    from hashell.stack.pengine.state import IdRef

    tags = only(ws.cib, "tags")
    if tags is None:
        return
    for element in tags.iterchildren("tag"):
        id = element.get("id")
        if not id:
            config_error(ws, "no-id", element, name="tag")
            continue
        tag = ws.tags.setdefault(id, IdRef(id))
        for ref in element.iterchildren("obj_ref"):
            name = ref.get("id")
            if name:
                tag.add(name)


def is_disabled(rsc: Resource) -> bool:
    """Whether target-role keeps the resource from running in its normal role."""
    role = parse_role(rsc.meta.get("target-role"))
    return role == Role.STOPPED or (role == Role.UNPROMOTED and rsc.top().promotable)


