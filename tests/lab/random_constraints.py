"""Random constraints, tags and tickets for a generated cluster: every kind, sets and rules among them."""

from __future__ import annotations

from lxml import etree

from tests.lab.random_cluster import Cluster, Element

_SCORES = ("INFINITY", "-INFINITY", "100", "-100", "1", "0", "5000", "INFINITY")
_ROLES = ("Started", "Stopped", "Promoted", "Unpromoted")
_TASKS = ("start", "stop", "promote", "demote")


def add_constraints(cluster: Cluster) -> None:
    """Tags first, because constraints may name them."""
    if len(cluster.anything) > 1 and cluster.chance(0.15):
        tag = etree.SubElement(cluster.section["tags"], "tag", id=cluster.id("tag"))
        for id in cluster.random.sample(cluster.anything, 2):
            etree.SubElement(tag, "obj_ref", id=id)
        cluster.anything.append(str(tag.get("id")))
    if cluster.templates and cluster.chance(0.3):
        cluster.anything.append(cluster.templates[0])
    makers = (_location, _location, _colocation, _colocation, _colocation, _order, _order, _order,
              _colocation_set, _order_set, _ticket)  # fmt: skip
    for _ in range(cluster.random.choice((0, 1, 2, 3, 4, 5, 6, 8))):
        if cluster.anything:
            cluster.random.choice(makers)(cluster)
    for element in (cluster.section["tags"],):
        if not len(element):
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)


def _new(cluster: Cluster, tag: str) -> Element:
    return etree.SubElement(cluster.section["constraints"], tag, id=cluster.id(tag[4:]))


def _name(cluster: Cluster) -> str:
    """Mostly top-level resources, sometimes what is inside them."""
    return cluster.random.choice(cluster.tops if cluster.tops and cluster.chance(0.6) else cluster.anything)


def _location(cluster: Cluster) -> None:
    location = _new(cluster, "rsc_location")
    kind = cluster.random.random()
    if kind < 0.1:
        location.set("rsc-pattern", cluster.pick("^(rsc|db)", "clone.*", "[0-9]$", "!A"))
    elif kind < 0.2:
        members = etree.SubElement(location, "resource_set", id=cluster.id("set"))
        if cluster.chance(0.4):
            members.set("role", cluster.pick(*_ROLES))
        for id in cluster.random.sample(cluster.anything, min(len(cluster.anything), 2)):
            etree.SubElement(members, "resource_ref", id=id)
    else:
        location.set("rsc", _name(cluster))
    if cluster.chance(0.2):
        location.set("resource-discovery", cluster.pick("always", "never", "exclusive"))
    if cluster.chance(0.6):
        location.set("node", cluster.pick(*cluster.nodes, *cluster.guests))
        location.set("score", cluster.pick(*_SCORES))
        if cluster.chance(0.2) and kind >= 0.2:
            location.set("role", cluster.pick(*_ROLES))
        if cluster.chance(0.08):
            lifetime = etree.SubElement(location, "lifetime")
            cluster.rule(lifetime)
        return
    for _ in range(cluster.random.choice((1, 1, 2))):
        attributes = {"score": cluster.pick(*_SCORES)}
        if cluster.chance(0.2):
            attributes = {"score-attribute": "weight"}
        if cluster.chance(0.3):
            attributes["role"] = cluster.pick(*_ROLES)
        cluster.location_rule(location, **attributes)


def _colocation(cluster: Cluster) -> None:
    if len(cluster.anything) < 2:
        return
    colocation = _new(cluster, "rsc_colocation")
    dependent, primary = _two(cluster)
    colocation.set("rsc", dependent)
    colocation.set("with-rsc", primary)
    if cluster.chance(0.95):
        colocation.set("score", cluster.pick(*_SCORES))
    for name, id in (("rsc-role", dependent), ("with-rsc-role", primary)):
        if cluster.chance(0.5 if id in cluster.promotables else 0.1):
            colocation.set(name, cluster.pick("Promoted", "Promoted", *_ROLES))
    if cluster.chance(0.1):
        colocation.set("node-attribute", cluster.pick("site", "weight", "#kind"))
    if cluster.chance(0.1):
        colocation.set("influence", cluster.pick("true", "false"))


def _two(cluster: Cluster) -> tuple[str, str]:
    first = _name(cluster)
    near = cluster.related(first)
    second = cluster.random.choice([id for id in cluster.anything if id not in near] or cluster.anything)
    return (first, second) if cluster.chance(0.5) else (second, first)


def _order(cluster: Cluster) -> None:
    if len(cluster.anything) < 2:
        return
    order = _new(cluster, "rsc_order")
    first, then = _two(cluster)
    order.set("first", first)
    order.set("then", then)
    for name, id in (("first-action", first), ("then-action", then)):
        if cluster.chance(0.5 if id in cluster.promotables else 0.15):
            order.set(name, cluster.pick("promote", *_TASKS))
    if cluster.chance(0.6):
        order.set("kind", cluster.pick("Mandatory", "Optional", "Serialize"))
    elif cluster.chance(0.3):
        order.set("score", cluster.pick("0", "INFINITY", "10"))
    if cluster.chance(0.2) and order.get("kind") != "Serialize":
        order.set("symmetrical", cluster.pick("true", "false"))
    if cluster.chance(0.15):
        order.set("require-all", cluster.pick("true", "false"))


def _sets(cluster: Cluster, constraint: Element, task: bool) -> None:
    names = list(cluster.anything)
    cluster.random.shuffle(names)
    for _ in range(cluster.random.choice((1, 2, 2, 3))):
        members = etree.SubElement(constraint, "resource_set", id=cluster.id("set"))
        for _ in range(cluster.random.choice((1, 2, 3))):
            if names:
                name = names.pop()
                near = cluster.related(name)
                names = [each for each in names if each not in near]
                etree.SubElement(members, "resource_ref", id=name)
        if not len(members):
            constraint.remove(members)
            continue
        if cluster.chance(0.4):
            members.set("sequential", cluster.pick("true", "false"))
        if task and cluster.chance(0.25):
            members.set("action", cluster.pick(*_TASKS))
        if task and cluster.chance(0.25):
            members.set("require-all", cluster.pick("true", "false"))
        if not task and cluster.chance(0.25):
            members.set("role", cluster.pick(*_ROLES))
        if cluster.chance(0.1):
            members.set("score", cluster.pick(*_SCORES))
        if cluster.chance(0.05):
            members.set("ordering", cluster.pick("group", "listed"))
        if task and cluster.chance(0.1):
            members.set("kind", cluster.pick("Mandatory", "Optional", "Serialize"))
    if not len(constraint):
        parent = constraint.getparent()
        assert parent is not None
        parent.remove(constraint)


def _colocation_set(cluster: Cluster) -> None:
    colocation = _new(cluster, "rsc_colocation")
    colocation.set("score", cluster.pick(*_SCORES))
    _sets(cluster, colocation, False)


def _order_set(cluster: Cluster) -> None:
    order = _new(cluster, "rsc_order")
    if cluster.chance(0.6):
        order.set("kind", cluster.pick("Mandatory", "Optional", "Serialize"))
    if cluster.chance(0.2) and order.get("kind") != "Serialize":
        order.set("symmetrical", cluster.pick("true", "false"))
    _sets(cluster, order, True)


def _ticket(cluster: Cluster) -> None:
    constraint = _new(cluster, "rsc_ticket")
    constraint.set("ticket", cluster.pick("ticketA", "ticketB"))
    if cluster.chance(0.7):
        constraint.set("loss-policy", cluster.pick("fence", "stop", "freeze", "demote"))
    if cluster.chance(0.2):
        _sets(cluster, constraint, False)
        for members in constraint.iterchildren("resource_set"):
            for name in ("score", "ordering", "sequential"):
                members.attrib.pop(name, None)
        return
    constraint.set("rsc", _name(cluster))
    if cluster.chance(0.4):
        constraint.set("rsc-role", cluster.pick(*_ROLES))


def add_tickets(cluster: Cluster) -> None:
    """Granted, standby or never heard of."""
    tickets = etree.Element("tickets")
    for id in ("ticketA", "ticketB"):
        if cluster.chance(0.2):
            ticket = etree.SubElement(tickets, "ticket_state", id=id)
            ticket.set("granted", cluster.pick("true", "false"))
            if cluster.chance(0.4):
                ticket.set("standby", cluster.pick("true", "false"))
            ticket.set("last-granted", "1699999000")
    if len(tickets):
        cluster.status.append(tickets)


def add_topology(cluster: Cluster) -> None:
    """Fencing levels over the fence devices."""
    devices = [leaf.id for leaf in cluster.leaves if leaf.agent[0] == "stonith"]
    if not devices or not cluster.chance(0.1):
        return
    topology = etree.Element("fencing-topology")
    level = etree.SubElement(
        topology, "fencing-level", {"id": cluster.id("level"), "index": "1", "devices": ",".join(devices)}
    )
    level.set("target", cluster.nodes[0])
    cluster.section["constraints"].addnext(topology)
