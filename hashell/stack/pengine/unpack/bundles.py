"""Bundles: the implicit clone and, for every replica, container, address and connection (model spec 8.7)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from lxml import etree

from hashell.model.values import boolean, min_integer
from hashell.stack.pengine.kinds import INF, ProbeMode
from hashell.stack.pengine.messages import config_error, config_warning
from hashell.stack.pengine.state import BundleData, Mount, NodeCopy, Port, Replica
from hashell.stack.pengine.unpack.connections import DEFAULT_PORT, add_operation, add_pairs, connection_xml
from hashell.stack.pengine.unpack.nodes import create_node

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Resource, WorkingSet
    from hashell.stack.pengine.unpack.groups import Unpack

_BUNDLE_NODE_SCORE = 500


def unpack_bundle(ws: WorkingSet, rsc: Resource, unpack: Unpack) -> bool:
    """Create everything that the bundle implies; False when the bundle is unusable."""
    container = next((c for tag in ("docker", "podman") if (c := rsc.xml.find(tag)) is not None), None)
    if container is None:
        return False
    data = rsc.bundle = BundleData(rsc.id, str(container.tag))
    _container(rsc, data, container)
    _network(ws, rsc, data, rsc.xml.find("network"))
    needs_log = _storage(data, rsc.xml.find("storage"))
    primitive = rsc.xml.find("primitive")
    if primitive is not None:
        if not _implicit_clone(ws, rsc, data, primitive, unpack):
            return False
        _implicit_mounts(data, needs_log)
    else:
        for offset in range(data.nreplicas):
            data.replicas.append(_new_replica(data, offset, None))
    for replica in data.replicas:
        if not _unpack_replica(ws, rsc, data, replica, unpack):
            return False
    if data.child is not None:
        rsc.children.append(data.child)
    return True


def _container(rsc: Resource, data: BundleData, container: _Element) -> None:
    data.promoted_max = min_integer(container.get("promoted-max"), 0)
    replicas = container.get("replicas")
    if replicas is None and data.promoted_max > 0:
        data.nreplicas = data.promoted_max
    else:
        data.nreplicas = min_integer(replicas, 1)
    data.nreplicas_per_host = min_integer(container.get("replicas-per-host"), 1)
    if data.nreplicas_per_host == 1:
        rsc.unique = False
    data.container_command = container.get("run-command")
    data.launcher_options = container.get("options")
    data.image = container.get("image")
    data.container_network = container.get("network")


def _network(ws: WorkingSet, rsc: Resource, data: BundleData, network: _Element | None) -> None:
    if network is None:
        return
    data.ip_range_start = network.get("ip-range-start")
    data.host_netmask = network.get("host-netmask")
    data.host_network = network.get("host-interface")
    data.control_port = network.get("control-port")
    data.add_host = boolean(network.get("add-host")) is not False
    for mapping in network.iterchildren("port-mapping"):
        source = mapping.get("port")
        target = mapping.get("internal-port") if source is not None else None
        if source is None:
            source = mapping.get("range")
        if source:
            data.ports.append(Port(source, target or source))
        else:
            config_error(ws, "resource", mapping, id=rsc.id, value="port-mapping without port or range")


def _storage(data: BundleData, storage: _Element | None) -> bool:
    """Read the mounts; whether the log mount still has to be added."""
    needs_log = True
    if storage is None:
        return needs_log
    for mapping in storage.iterchildren("storage-mapping"):
        source, subdir = mapping.get("source-dir"), False
        if source is None:
            source, subdir = mapping.get("source-dir-root"), True
        target = mapping.get("target-dir")
        if source and target:
            data.mounts.append(Mount(source, target, mapping.get("options"), subdir))
            if target == "/var/log":
                needs_log = False
    return needs_log


def _implicit_clone(ws: WorkingSet, rsc: Resource, data: BundleData, primitive: _Element, unpack: Unpack) -> bool:
    if data.ip_range_start is None:
        if data.control_port is None:
            return False
        if data.nreplicas_per_host > 1:
            config_error(ws, "resource", rsc.xml, id=rsc.id, value="replicas-per-host needs ip-range-start")
            data.nreplicas_per_host = 1
    suffix = "master" if data.promoted_max > 0 else "clone"
    xml = etree.Element("clone", id=f"{data.prefix}-{suffix}")
    pairs: list[tuple[str, str | None]] = [
        ("ordered", "true"),
        ("clone-max", str(data.nreplicas)),
        ("clone-node-max", str(data.nreplicas_per_host)),
        ("globally-unique", "true" if data.nreplicas_per_host > 1 else "false"),
    ]
    if data.promoted_max > 0:
        pairs += [("promotable", "true"), ("promoted-max", str(data.promoted_max))]
    add_pairs(xml, "meta_attributes", f"{data.prefix}-clone-meta", pairs)
    xml.append(deepcopy(primitive))
    clone = unpack(ws, xml, rsc)
    if clone is None:
        return False
    data.child = clone
    for offset, child in enumerate(clone.children):
        child.exclusive_probes = True
        if child.notify:
            clone.notify = True
        data.replicas.append(_new_replica(data, offset, child))
        data.attribute_target = child.meta.get("container-attribute-target")
    if data.attribute_target is not None:
        rsc.meta["container-attribute-target"] = data.attribute_target
        clone.meta["container-attribute-target"] = data.attribute_target
    return True


def _implicit_mounts(data: BundleData, needs_log: bool) -> None:
    data.mounts.append(Mount("/etc/pacemaker/authkey", "/etc/pacemaker/authkey"))
    if needs_log:
        data.mounts.append(Mount("/var/log/pacemaker/bundles", "/var/log", None, True))
    port = data.control_port or DEFAULT_PORT
    data.ports.append(Port(port, port))


def _new_replica(data: BundleData, offset: int, child: Resource | None) -> Replica:
    """A replica with the next address of the range, announced to the containers."""
    replica = Replica(offset, child)
    options = data.container_host_options or ""
    if data.ip_range_start is not None:
        address = data.ip_range_start if data.ip_last is None else _next_ip(data.ip_last)
        if address is not None:
            data.ip_last = replica.ipaddr = address
            if data.add_host:
                options += f" --add-host={data.prefix}-{offset}:{address}"
            else:
                options += f" --hosts-entry={address}={data.prefix}-{offset}"
    data.container_host_options = options
    return replica


def _next_ip(last: str) -> str | None:
    parts = last.split(".")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        return None
    first, second, third, fourth = (int(part) for part in parts)
    if third > 253:
        return None
    if fourth > 253:
        return f"{first}.{second}.{third + 1}.1"
    return f"{first}.{second}.{third}.{fourth + 1}"


def _sanitized(id: str) -> str:
    return id.replace(":", ".").replace("#", ".")


def _unpack_replica(ws: WorkingSet, rsc: Resource, data: BundleData, replica: Replica, unpack: Unpack) -> bool:
    container = unpack(ws, _container_xml(data, replica), rsc)
    if container is None:
        return False
    container.replica_container = True
    replica.container = container
    rsc.children.append(container)
    if data.ip_range_start is not None and replica.ipaddr is not None:
        replica.ip = unpack(ws, _ip_xml(data, replica), rsc)
        if replica.ip is None:
            return False
        rsc.children.append(replica.ip)
    child = replica.child
    if child is not None:
        if not _connect(ws, rsc, data, replica, child, unpack):
            return False
        if replica.ipaddr is not None:
            child.meta["external-ip"] = replica.ipaddr
        child.utilization, container.utilization = container.utilization, child.utilization
    return True


def _ip_xml(data: BundleData, replica: Replica) -> _Element:
    id = _sanitized(f"{data.prefix}-ip-{replica.ipaddr}")
    xml = _primitive(id, "heartbeat", "IPaddr2")
    pairs: list[tuple[str, str | None]] = [
        ("ip", replica.ipaddr),
        ("nic", data.host_network),
        ("cidr_netmask", data.host_netmask or "32"),
    ]
    add_pairs(xml, "instance_attributes", f"{data.prefix}-attributes-{replica.offset}", pairs)
    add_operation(etree.SubElement(xml, "operations"), id, "monitor", "60s", None)
    return xml


def _primitive(id: str, provider: str, type: str) -> _Element:
    xml = etree.Element("primitive", id=id)
    xml.set("class", "ocf")
    xml.set("provider", provider)
    xml.set("type", type)
    return xml


def _container_xml(data: BundleData, replica: Replica) -> _Element:
    id = _sanitized(f"{data.prefix}-{data.agent}-{replica.offset}")
    xml = _primitive(id, "heartbeat", data.agent)
    command = data.container_command
    if replica.child is not None:
        command = command or "/usr/sbin/pacemaker-remoted"
    host = f"{data.prefix}-{replica.offset}"
    pairs: list[tuple[str, str | None]] = [
        ("image", data.image),
        ("allow_pull", "true"),
        ("force_kill", "false"),
        ("reuse", "false"),
        ("run_opts", _run_options(data, replica, host)),
        ("mount_points", ",".join(f"{m.source}/{host}" for m in data.mounts if m.subdir)),
        ("run_cmd", command),
        ("monitor_cmd", "/bin/true"),
    ]
    add_pairs(xml, "instance_attributes", f"{data.prefix}-attributes-{replica.offset}", pairs)
    add_operation(etree.SubElement(xml, "operations"), id, "monitor", "60s", None)
    return xml


def _run_options(data: BundleData, replica: Replica, host: str) -> str:
    text = " --restart=no" if data.agent == "docker" else ""
    if data.ip_range_start is not None:
        text += f" -h {host}"
    text += " -e PCMK_stderr=1"
    if data.container_network is not None:
        text += f" --net={data.container_network}"
    text += f" -e PCMK_remote_port={data.control_port or DEFAULT_PORT}"
    for mount in data.mounts:
        source = f"{mount.source}/{host}" if mount.subdir else mount.source
        text += f" -v {source}:{mount.target}" + (f":{mount.options}" if mount.options else "")
    for port in data.ports:
        if replica.ipaddr is not None:
            text += f" -p {replica.ipaddr}:{port.source}:{port.target}"
        elif data.container_network != "host":
            text += f" -p {port.source}:{port.target}"
    if data.launcher_options is not None:
        text += f" {data.launcher_options}"
    if data.container_host_options is not None:
        text += f" {data.container_host_options}"
    return text


def _connect(
    ws: WorkingSet, rsc: Resource, data: BundleData, replica: Replica, child: Resource, unpack: Unpack
) -> bool:
    """The connection to the container and the node that it makes."""
    from hashell.stack.pengine.unpack.lookup import find_resource

    id = f"{data.prefix}-{replica.offset}"
    if find_resource(ws, id) is not None:
        id = f"pcmk-internal-{child.id}-remote-{replica.offset}"
    container = replica.container
    port = data.control_port or DEFAULT_PORT
    xml = connection_xml(id, container.id, server=replica.ipaddr or "#uname", port=port)
    node = ws.find_node(id)
    if node is None:
        node = create_node(ws, id, id, "remote", -INF)
        assert node is not None
    else:
        config_warning(ws, "node-twice", rsc.xml, id=id)
        node.score = -INF
    node.probe_mode = ProbeMode.NEVER
    for top in ws.resources:
        for each in top.walk():
            _ban(each, node.id)
    replica.node = NodeCopy(node, _BUNDLE_NODE_SCORE, ProbeMode.EXCLUSIVE)
    child.allowed_nodes = {node.id: replica.node.copy()}
    if data.child is not None:
        data.child.allowed_nodes[node.id] = NodeCopy(node, -INF, ProbeMode.NEVER)
    connection = unpack(ws, xml, rsc)
    if connection is None:
        return False
    for entry in connection.allowed_nodes.values():
        if entry.node.is_pacemaker_remote():
            entry.score = -INF
    node.remote = connection
    connection.launcher = container
    container.launched.append(connection)
    node.attrs["#kind"] = "container"
    connection.remote_nesting_allowed = True
    replica.remote = connection
    rsc.children.append(connection)
    return True


def _ban(rsc: Resource, node_id: str) -> None:
    entry = rsc.allowed_nodes.get(node_id)
    if entry is not None:
        entry.score = -INF
        entry.probe_mode = ProbeMode.NEVER
