"""What the elements of a configuration look like, as data: attributes with their types, and children.

Established by giving documents to the original's validator. An entry of attributes is `name`, `name!` (required) or
`name=TYPE`, `name!=TYPE`; a TYPE is one of `bool`, `score`, `int`, `index`, `devices`, `range`, or choices
parted by `|`. An entry of children is a tag, with `*` (any number), `+` (one or more), `!` (exactly one) or nothing
(at most one).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

#: Kinds of resource roles in schemas from 4.0 on, and before.
ROLES = "Stopped|Started|Promoted|Unpromoted"
OLD_ROLES = f"{ROLES}|Master|Slave"
ACTIONS = "start|promote|demote|stop"
_PERIOD = "hours monthdays weekdays yearsdays months weeks years weekyears"
_TIMES = "hours monthdays weekdays yeardays months weeks years weekyears"
_SET = "id id-ref score=score"
_CONDITIONS = "expression* date_expression* rule*"

_ATTRIBUTES: dict[str, str] = {
    "cluster_property_set": _SET,
    "instance_attributes": _SET,
    "meta_attributes": _SET,
    "utilization": _SET,
    "nvpair": "id! id-ref name value",
    "node": "id! uname! type=member|ping|remote description score=score",
    "primitive": "id! class=ocf|lsb|heartbeat|stonith|service|systemd provider type template description",
    "template": "id! class!=ocf|lsb|heartbeat|stonith|service|systemd provider type! description",
    "operations": "id id-ref",
    "op": f"id! id-ref name interval description timeout start-delay interval-origin role={OLD_ROLES} enabled=bool "
          "record-pending=bool on-fail=ignore|block|demote|stop|restart|standby|fence|restart-container",
    "group": "id! description",
    "clone": "id! description",
    "master": "id! description",
    "bundle": "id! description",
    "docker": "image! promoted-max=int replicas=int replicas-per-host=int run-command network options",
    "podman": "image! promoted-max=int replicas=int replicas-per-host=int run-command network options",
    "network": "ip-range-start control-port=int host-interface host-netmask=int add-host=bool",
    "storage": "",
    "port-mapping": "id! port=int internal-port=int range=range",
    "storage-mapping": "id! source-dir source-dir-root target-dir! options",
    "rsc_location": f"id! rsc rsc-pattern role={ROLES} score=score score-attribute node "
                    "resource-discovery=always|never|exclusive",
    "rsc_colocation": f"id! rsc with-rsc rsc-role={ROLES} with-rsc-role={ROLES} score=score node-attribute "
                      "influence",
    "rsc_order": f"id! first then first-action={ACTIONS} then-action={ACTIONS} score=score "
                 "kind=Optional|Mandatory|Serialize symmetrical=bool require-all=bool",
    "rsc_ticket": f"id! rsc rsc-role={ROLES} ticket! loss-policy=stop|demote|fence|freeze",
    "resource_set": f"id id-ref sequential=bool require-all=bool ordering=group|listed action={ACTIONS} role={ROLES} "
                    "score=score kind=Optional|Mandatory|Serialize",
    "resource_ref": "id!",
    "rule": "id! id-ref score=score score-attribute boolean-op=and|or role",
    "expression": "id! attribute! operation!=lt|gt|lte|gte|eq|ne|defined|not_defined value "
                  "type=string|integer|number|version value-source=literal|param|meta",
    "date_expression": "id! operation!=in_range|gt|lt|date_spec start end",
    "date_spec": f"id! {_TIMES} minutes seconds yearsdays",
    "duration": f"id! {_PERIOD} minutes seconds days moon",
    "rsc_expression": "id! class provider type",
    "op_expression": "id! name! interval",
    "acl_target": "id! name",
    "acl_group": "id! name",
    "acl_role": "id! description",
    "acl_permission": "id! kind!=read|write|deny xpath reference object-type attribute description",
    "role": "id!",
    "fencing-level": "id! target target-pattern target-attribute target-value index!=index devices!=devices",
    "tag": "id!",
    "obj_ref": "id!",
    "alert": "id! path! description",
    "recipient": "id! value! description",
    "select": "", "select_nodes": "", "select_fencing": "", "select_resources": "", "select_attributes": "",
    "attribute": "id! name!",
}

_CHILDREN: dict[str, str] = {
    "cluster_property_set": "rule nvpair*",
    "instance_attributes": "rule nvpair*",
    "meta_attributes": "rule nvpair*",
    "utilization": "rule nvpair*",
    "node": "instance_attributes* utilization*",
    "primitive": "instance_attributes* meta_attributes* utilization* operations",
    "template": "instance_attributes* meta_attributes* utilization* operations",
    "operations": "op*",
    "op": "instance_attributes* meta_attributes*",
    "group": "instance_attributes* meta_attributes* primitive+",
    "clone": "instance_attributes* meta_attributes* primitive group",
    "master": "instance_attributes* meta_attributes* primitive group",
    "bundle": "instance_attributes* meta_attributes* docker podman network storage primitive",
    "docker": "", "podman": "",
    "network": "port-mapping*",
    "storage": "storage-mapping*",
    "rsc_location": "rule resource_set*",
    "rsc_colocation": "resource_set*",
    "rsc_order": "resource_set*",
    "rsc_ticket": "resource_set*",
    "resource_set": "resource_ref+",
    "rule": f"{_CONDITIONS} rsc_expression* op_expression*",
    "date_expression": "duration date_spec",
    "acl_target": "role*",
    "acl_group": "role*",
    "acl_role": "acl_permission*",
    "fencing-topology": "fencing-level*",
    "tag": "obj_ref+",
    "alert": "instance_attributes* meta_attributes* select recipient*",
    "recipient": "instance_attributes* meta_attributes*",
    "select": "select_nodes select_fencing select_resources select_attributes",
    "select_attributes": "attribute*",
}

#: What schemas before 4.0 have otherwise.
_OLD_CLASSES = "ocf|lsb|heartbeat|stonith|upstart|service|systemd|nagios"
_OLD_ATTRIBUTES: dict[str, str] = {
    "primitive": f"id! class={_OLD_CLASSES} provider type template description",
    "template": f"id! class!={_OLD_CLASSES} provider type! description",
    "date_spec": f"{_ATTRIBUTES['date_spec']} moon",
    "duration": f"{_ATTRIBUTES['duration']} yeardays",
    "nvpair": "id id-ref name value",
    "op": f"{_ATTRIBUTES['op']} requires=nothing|quorum|fencing",
    "docker": f"{_ATTRIBUTES['docker']} masters=int",
    "podman": f"{_ATTRIBUTES['podman']} masters=int",
    "rkt": f"{_ATTRIBUTES['podman']} masters=int",
    "rsc_colocation": f"{_ATTRIBUTES['rsc_colocation']} rsc-instance=int with-rsc-instance=int score-attribute "
                      "score-attribute-mangle",
    "rsc_order": f"{_ATTRIBUTES['rsc_order']} first-instance=int then-instance=int",
}
_OLD_CHILDREN: dict[str, str] = {
    "bundle": f"{_CHILDREN['bundle']} rkt",
    "rkt": "",
    "rsc_location": "rule* resource_set* lifetime",
    **dict.fromkeys(("cluster_property_set", "instance_attributes", "meta_attributes", "utilization"), "rule* nvpair*"),
}


@dataclass(frozen=True)
class Attribute:
    """One attribute: `kind` is '' for any text."""

    name: str
    required: bool
    kind: str


@dataclass(frozen=True)
class Shape:
    """The attributes and children of an element; `children` is None for one that is not looked into."""

    attributes: dict[str, Attribute]
    children: dict[str, str] | None


@cache
def shapes(version: tuple[int, int]) -> dict[str, Shape]:
    """Every element of the schema of that version (major, minor)."""
    attributes, children = dict(_ATTRIBUTES), dict(_CHILDREN)
    if version < (4, 0):
        attributes = {k: v.replace(ROLES, OLD_ROLES) for k, v in {**attributes, **_OLD_ATTRIBUTES}.items()}
        children |= _OLD_CHILDREN
    leaves = dict.fromkeys(attributes, "")
    return {tag: Shape(_attributes(text), _children({**leaves, **children}[tag])) for tag, text in attributes.items()}


def _attributes(text: str) -> dict[str, Attribute]:
    found = {}
    for entry in text.split():
        name, _, kind = entry.partition("=")
        found[name.rstrip("!")] = Attribute(name.rstrip("!"), name.endswith("!"), kind)
    return found


def _children(text: str) -> dict[str, str]:
    """Tag -> how often: '*', '+', '!' or ''."""
    return {entry.rstrip("*+!"): entry[-1] if entry[-1] in "*+!" else "" for entry in text.split()}
