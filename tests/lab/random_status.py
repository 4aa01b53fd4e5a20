"""The random status of a generated cluster: membership, transient attributes, operation histories of all kinds."""

from __future__ import annotations

from lxml import etree

from tests.lab.random_cluster import NOW, Cluster, Element, Leaf

_UUID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
#: Digest of no parameters at all.
_EMPTY_DIGEST = "f2317cad3d54cec5d7d7aa7d0bf35cf8"


#: Agents that never run on a guest; those of a bundle that do make the original loop for ever.
_CONTAINERS = ("docker", "podman", "remote", "IPaddr2", "VirtualDomain")


def add_status(cluster: Cluster) -> None:
    """Node states with histories. Some clusters have just begun and have none."""
    if cluster.chance(0.08):
        return
    lrms: dict[str, Element] = {}
    names = list(cluster.nodes)
    cluster.random.shuffle(names) if cluster.chance(0.2) else None
    for name in names:
        if cluster.chance(0.04):
            continue
        state = _node_state(cluster, name)
        if cluster.chance(0.93):
            lrm = etree.SubElement(state, "lrm", id=str(state.get("id")))
            lrms[name] = etree.SubElement(lrm, "lrm_resources")
        _transient(cluster, state)
    for name in cluster.guests:
        if cluster.chance(0.8):
            state = etree.SubElement(cluster.status, "node_state", {"id": name, "uname": name, "remote_node": "true"})
            if cluster.chance(0.8):
                state.set("in_ccm", cluster.pick("true", "true", "true", "false"))
            for attribute in ("node_fenced", "node_in_maintenance"):
                if cluster.chance(0.08):
                    state.set(attribute, cluster.pick("0", "1"))
            if cluster.chance(0.1):
                state.set("connection_host", cluster.pick(*cluster.nodes))
            lrm = etree.SubElement(state, "lrm", id=name)
            lrms[name] = etree.SubElement(lrm, "lrm_resources")
            _transient(cluster, state)
    quiet = cluster.chance(0.25)
    for leaf in cluster.leaves:
        _leaf(cluster, leaf, lrms, quiet)
    if lrms and cluster.chance(0.1):
        orphan = Leaf("orphan1", ("ocf", "pacemaker", "Dummy"), monitors=[10000])
        _leaf(cluster, orphan, lrms, quiet)
    for name, resources in lrms.items():
        if cluster.chance(0.03):
            resources[:] = sorted(resources, key=lambda e: str(e.get("id")))
        del name


def _node_state(cluster: Cluster, name: str) -> Element:
    state = etree.SubElement(cluster.status, "node_state", id=name.removeprefix("node"), uname=name)
    kind = cluster.random.random()
    values = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
    if kind < 0.08:
        values.update(in_ccm="false", crmd="offline", join="down", expected="down")  # left cleanly
    elif kind < 0.16:
        values.update(in_ccm="false", crmd="offline", join="down")  # lost
    elif kind < 0.22:
        name = cluster.pick(*values)
        values[name] = {"in_ccm": "false", "crmd": "offline", "join": cluster.pick("down", "pending", "banned"),
                        "expected": "down"}[name]  # fmt: skip
    elif kind < 0.3:
        values.update(in_ccm=str(NOW - 1000), crmd=cluster.pick(str(NOW - 900), "0"))
        if cluster.chance(0.3):
            values["join"] = "down"
    for key, value in values.items():
        state.set(key, value)
    if cluster.chance(0.03):
        del state.attrib[cluster.pick("join", "expected", "crmd")]
    return state


def _transient(cluster: Cluster, state: Element) -> None:
    id = str(state.get("id"))
    values = {name: value for name, value in (
        ("shutdown", cluster.pick("0", str(NOW - 100), "1")),
        ("standby", cluster.pick("true", "false")),
        ("maintenance", cluster.pick("true", "false")),
        ("terminate", cluster.pick("true", "false", str(NOW))),
        ("#health-cpu", cluster.pick("red", "yellow", "green", "-10")),
        ("probe_complete", "true"),
        ("pingd", cluster.pick("0", "100", "200")),
        ("#node-unfenced", cluster.pick("0", str(NOW - 500))),
        ("#digests-all", "x:fence_xvm:y,"),
    ) if cluster.chance(0.2 if name in ("pingd", "probe_complete") else 0.05)}  # fmt: skip
    for leaf in cluster.leaves:
        names = [leaf.id] if not leaf.instances else [leaf.id, f"{leaf.id}:0"]
        if leaf.promotable and cluster.chance(0.6):
            name = f"{leaf.id}:{cluster.random.randint(0, 2)}" if leaf.unique else leaf.id
            values[f"master-{name}"] = cluster.pick("10", "5", "100", "-INFINITY", "-1", "INFINITY", "0")
        if cluster.chance(0.06):
            task = cluster.pick("monitor_10000", "start_0", "stop_0", "monitor_0", "promote_0")
            name = cluster.pick(*names)
            values[f"fail-count-{name}#{task}"] = cluster.pick("1", "2", "INFINITY", "5")
            if cluster.chance(0.8):
                values[f"last-failure-{name}#{task}"] = cluster.pick(str(NOW - 5), str(NOW - 2000), "1400000000")
    if values:
        transient = etree.SubElement(state, "transient_attributes", id=id)
        cluster.pairs(transient, "instance_attributes", values)


# -- histories ------------------------------------------------------------------------------------------------


def _leaf(cluster: Cluster, leaf: Leaf, lrms: dict[str, Element], quiet: bool) -> None:
    """Where one primitive has been, and with what success."""
    names = list(lrms)
    if leaf.node:
        names = [name for name in names if name.startswith(f"{leaf.node}-")]
    if not names or cluster.chance(0.15):
        return
    if not leaf.node:
        names = [
            name
            for name in names
            if cluster.chance(0.93)
            and (name in cluster.nodes or (cluster.chance(0.15) and leaf.agent[2] not in _CONTAINERS))
        ]
    if not names:
        return
    count = max(1, min(leaf.instances, len(names))) if leaf.instances else 1
    if cluster.chance(0.05):
        count += 1
    active = cluster.random.sample(names, min(count, len(names))) if cluster.chance(0.8) else []
    promoted = cluster.random.choice(active) if active and leaf.promotable and cluster.chance(0.7) else ""
    for index, name in enumerate(names):
        id = leaf.id
        if leaf.unique:
            id = f"{id}:{active.index(name) if name in active else index}"
        elif leaf.instances and cluster.chance(0.15):
            id = f"{id}:{cluster.random.randint(0, 3)}"
        history = History(cluster, leaf, id, name)
        if name in active:
            history.active(name == promoted, 0.1 if quiet else 0.5)
        else:
            history.inactive(0.05 if quiet else 0.3)
        lrms[name].append(history.element)
    if active and len(names) > 1 and not quiet and cluster.chance(0.5 if leaf.migratable else 0.08):
        _migration(cluster, leaf, cluster.random.choice(active), lrms)


def _migration(cluster: Cluster, leaf: Leaf, source: str, lrms: dict[str, Element]) -> None:
    """Both ends of a migration, in some state."""
    target = cluster.random.choice([name for name in lrms if name != source])
    ends = {"migrate_source": source, "migrate_target": target}
    here = History(cluster, leaf, leaf.id, source, lrms[source])
    here.entry("migrate_to", cluster.random.choice((0, 0, 0, 1, None)), more=ends)
    stage = cluster.random.randint(0, 3)
    if stage > 0:
        there = History(cluster, leaf, leaf.id, target, lrms[target])
        there.entry("migrate_from", cluster.random.choice((0, 0, 0, 1, None)), more=ends)
    if stage > 1:
        here.entry("stop", cluster.random.choice((0, 0, 1)))


class History:
    """The `lrm_resource` of one resource on one node."""

    def __init__(self, cluster: Cluster, leaf: Leaf, id: str, node: str, within: Element | None = None) -> None:
        self.cluster, self.leaf, self.id, self.node = cluster, leaf, id, node
        found = [each for each in within if each.get("id") == id] if within is not None else []
        self.element = found[0] if found else etree.Element("lrm_resource", id=id)
        if not found:
            for name, value in zip(("class", "provider", "type"), leaf.agent, strict=True):
                if value:
                    self.element.set(name, value)
            if leaf.agent[2] == "VirtualDomain" and cluster.chance(0.5):
                self.element.set("container", "")
                del self.element.attrib["container"]
        if within is not None and not found:
            within.append(self.element)
        if not found and cluster.chance(0.03):
            self.element.set("shutdown-lock", str(NOW - 60))
        self.call = 1 + max((int(str(op.get("call-id"))) for op in self.element), default=cluster.random.randint(0, 60))

    def entry(
        self, task: str, rc: int | None, *, interval: int = 0, target: int = 0, status: int = 0,
        more: dict[str, str] | None = None, suffix: str = "",
    ) -> None:  # fmt: skip
        """One result; rc None is an operation still pending."""
        cluster = self.cluster
        if not suffix:
            suffix = f"{task}_{interval}" if interval or task.startswith("migrate") else "last_0"
        id = f"{self.id}_{suffix}"
        for op in list(self.element):
            if op.get("id") == id:
                self.element.remove(op)
        op = etree.SubElement(self.element, "lrm_rsc_op", id=id, operation=task, interval=str(interval))
        op.set("operation_key", f"{self.id}_{task}_{interval}")
        pending = rc is None
        code, status, call = (193, -1, -1) if rc is None else (rc, status, self.call)
        key = f"{cluster.random.randint(1, 40)}:{cluster.random.randint(1, 30)}:{target}:{_UUID}"
        op.set("transition-key", key)
        op.set("transition-magic", f"{status}:{code};{key}")
        op.set("on_node", self.node)
        op.set("call-id", str(call))
        op.set("rc-code", str(code))
        op.set("op-status", str(status))
        op.set("crm_feature_set", "3.20.0")
        if cluster.chance(0.8):
            op.set("last-rc-change", str(NOW - cluster.random.choice((1, 5, 30, 100, 4000, 100000))))
        if cluster.chance(0.15):
            op.set("op-digest", cluster.pick(_EMPTY_DIGEST, "0" * 32))
            if cluster.chance(0.3):
                op.set("op-force-restart", " state  fake ")
                op.set("op-restart-digest", cluster.pick(_EMPTY_DIGEST, "1" * 32))
            if cluster.chance(0.2):
                op.set("op-secure-params", " passwd ")
                op.set("op-secure-digest", cluster.pick(_EMPTY_DIGEST, "2" * 32))
        if cluster.chance(0.1):
            op.set("exit-reason", "because of 'x'")
        for name, value in (more or {}).items():
            op.set(name, value)
        if not pending:
            self.call += 1

    def active(self, promoted: bool, trouble: float) -> None:
        """Running, perhaps promoted, perhaps with a failure or something pending on top."""
        cluster = self.cluster
        if cluster.chance(0.85):
            self.entry("start", 0)
        else:
            self.entry("monitor", 8 if promoted else 0, target=7)
        if promoted and cluster.chance(0.9):
            self.entry("promote", 0)
        for interval in self.leaf.monitors or ([10000] if cluster.chance(0.2) else []):
            if cluster.chance(0.8):
                self.entry("monitor", 8 if promoted else 0, interval=interval, target=8 if promoted else 0)
        if not cluster.chance(trouble):
            return
        kind = cluster.random.random()
        rc, status = cluster.random.choice(
            (
                (1, 0),
                (1, 4),
                (7, 0),
                (5, 5),
                (2, 4),
                (6, 4),
                (1, 2),
                (9, 0),
                (190, 0),
                (8, 0),
                (191, 0),
                (0, 0),
                (4, 4),
                (3, 0),
            )
        )
        failure = "last_failure_0" if cluster.chance(0.6) else ""
        interval = self.leaf.monitors[0] if self.leaf.monitors else 10000
        if kind < 0.4:
            self.entry("monitor", rc, interval=interval, status=status, target=8 if promoted else 0, suffix=failure)
        elif kind < 0.5:
            self.entry(cluster.pick("start", "stop", "demote", "promote"), rc, status=status, suffix=failure)
        elif kind < 0.75:
            self.entry(cluster.pick("start", "stop", "demote", "promote", "monitor"), None)
        elif kind < 0.85:
            self.entry("demote", 0)
        elif kind < 0.93:
            self.entry("stop", 0)
        else:
            self.entry("monitor", rc, status=status, target=7, suffix=failure)

    def inactive(self, trouble: float) -> None:
        """Probed or stopped, perhaps with an old failure."""
        cluster = self.cluster
        if cluster.chance(trouble):
            rc, status = cluster.random.choice(
                ((1, 0), (5, 0), (2, 0), (5, 5), (6, 4), (1, 2), (3, 0), (4, 4), (0, 0), (8, 0), (9, 0), (2, 7), (1, 8))
            )
            kind = cluster.random.random()
            failure = "last_failure_0" if cluster.chance(0.5) else ""
            if kind < 0.4:
                self.entry("monitor", rc, status=status, target=7, suffix=failure)
            elif kind < 0.6:
                self.entry("start", rc, status=status, suffix=failure)
                if cluster.chance(0.5):
                    self.entry("stop", 0)
            elif kind < 0.75:
                self.entry("stop", rc, status=status, suffix=failure)
            else:
                self.entry(cluster.pick("monitor", "start", "stop"), None, target=7)
        elif cluster.chance(0.7):
            self.entry("monitor", 7, target=7)
        else:
            self.entry("stop", 0)
            if cluster.chance(0.3):
                for interval in self.leaf.monitors:
                    self.entry("monitor", 0, interval=interval)
