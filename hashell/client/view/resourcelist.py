"""The resource list of a status display: groups, clones and bundles (actions spec 18.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from hashell.client.view.briefly import write_briefly
from hashell.client.view.primitives import failed_probe, is_hidden, primitive_line, resource_class
from hashell.stack.pengine.assign.nodes import name_key
from hashell.stack.pengine.assign.queries import ACTIVE, is_active, role_of, single_location
from hashell.stack.pengine.kinds import Role, Variant, parse_role
from hashell.stack.pengine.unpack.activity import active_node
from hashell.stack.pengine.unpack.resources import is_disabled

if TYPE_CHECKING:
    from hashell.client.view.display import Display
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import Resource, WorkingSet


def write_resources(ws: WorkingSet, out: Outline, display: Display) -> None:
    """The resources that `display` wants, as items of the list that is open.

    Collectives whose active members are all on lost nodes and unmanaged count as active nowhere: they are left out.
    With `by_node` only what does not run in all its parts is of interest.
    """
    start = out.count()
    inside = replace(display, by_node=False)
    if display.brief and not display.by_node:
        singles = [r for r in ws.resources if r.variant == Variant.PRIMITIVE]
        write_briefly(singles, out, display, totals=display.inactive)
    for rsc in ws.resources:
        if is_wanted(rsc, display):
            write_resource(ws, rsc, out, inside)
    if out.count() == start:
        kind = "inactive " if display.by_node else "" if display.inactive else "active "
        out.item(f"No {kind}resources")


def is_wanted(rsc: Resource, display: Display, *, brief: bool | None = None) -> bool:
    """Whether a top-level resource is listed, and not only counted."""
    if (display.brief if brief is None else brief) and not display.by_node and rsc.variant == Variant.PRIMITIVE:
        return False
    partly = is_active(rsc, False)
    if (rsc.removed and not partly) or _nowhere(rsc):
        return False
    if display.by_node:
        return not is_active(rsc, True)
    return display.inactive or partly


def write_resource(ws: WorkingSet, rsc: Resource, out: Outline, display: Display) -> None:
    """One resource with its parts."""
    if rsc.variant == Variant.GROUP:
        _write_group(ws, rsc, out, display)
    elif rsc.variant == Variant.CLONE:
        _write_clone(ws, rsc, out, display)
    elif rsc.variant == Variant.BUNDLE:
        _write_bundle(ws, rsc, out, display)
    elif display.detail or not is_hidden(rsc):
        out.item(primitive_line(ws, rsc, display=display), css=resource_class(rsc))


def _attributes(rsc: Resource, first: list[str]) -> str:
    """The parenthesis behind the name of a collective."""
    words = list(first)
    if is_disabled(rsc):
        words.append("disabled")
    if rsc.maintenance:
        words.append("maintenance")
    elif not rsc.managed:
        words.append("unmanaged")
    return f" ({', '.join(words)})" if words else ""


def _description(rsc: Resource, display: Display) -> str:
    text = rsc.xml.get("description") if display.detail or display.description else None
    return f" ({text})" if text else ""


def _write_group(ws: WorkingSet, rsc: Resource, out: Outline, display: Display) -> None:
    words = _attributes(rsc, _hidden_members(rsc, display)) + _description(rsc, display)
    start = out.begin_some(f"Resource Group: {rsc.id}{words}")
    if display.brief:
        write_briefly(rsc.children, out, display, totals=True)
    else:
        for child in rsc.children:
            if display.inactive or is_active(child, False):
                write_resource(ws, child, out, display)
    out.end_some(start)


def _hidden_members(rsc: Resource, display: Display) -> list[str]:
    """How many members are left out because they run nowhere."""
    count = 0 if display.inactive or not is_active(rsc) else sum(not is_active(child, False) for child in rsc.children)
    return [f"{count} member{'s' * (count != 1)} inactive"] if count else []


def _any_part(rsc: Resource, test: Callable[[Resource], bool]) -> bool:
    return any(test(part) for part in rsc.walk())


def _irregular(instance: Resource) -> bool:
    """Whether an instance has to be shown in full."""
    return _any_part(instance, lambda part: part.removed or part.failed or not part.managed)


def _write_clone(ws: WorkingSet, rsc: Resource, out: Outline, display: Display) -> None:
    words = [word for word, given in (("promotable", rsc.promotable), ("unique", rsc.unique)) if given]
    child_xml = rsc.clone.child_xml
    child_id = child_xml.get("id") if child_xml is not None else ""
    out.begin(f"Clone Set: {rsc.id} [{child_id}]{_attributes(rsc, words)}{_description(rsc, display)}")
    promoted: list[str] = []
    started: list[str] = []
    for instance in rsc.children:
        if _in_full(rsc, instance, promoted, started, display) and not _nowhere(instance):
            write_resource(ws, instance, out, display)
    if not display.detail:
        _write_names(out, "Promoted", promoted)
        _write_names(out, _started_word(rsc), started)
        if display.inactive and not rsc.unique and rsc.clone.clone_max > len(promoted) + len(started):
            _write_stopped(ws, rsc, out)
    out.end()


def _nowhere(rsc: Resource) -> bool:
    """Whether the active parts of a collective are all unmanaged on lost nodes: it then counts as active nowhere."""
    return is_active(rsc, False) and not rsc.active_nodes


def _in_full(
    rsc: Resource, instance: Resource, promoted: list[str], started: list[str], display: Display
) -> bool:
    """Whether the instance needs lines of its own; otherwise its node's name goes into one of the lists."""
    if display.detail:
        return True
    partly = is_active(instance, False)
    if rsc.unique:
        return partly or not rsc.removed
    if display.pending and instance.pending_action is not None:
        return True
    if not partly:
        return False
    if _irregular(instance) or not is_active(instance, True):
        return True
    node = single_location(instance, ACTIVE)
    if node is None or (not node.online and node.unclean):
        return True
    (promoted if role_of(instance, True) > Role.UNPROMOTED else started).append(node.name)
    return False


def configured_role_text(rsc: Resource) -> str | None:
    """What target-role says for a clone, or for what it clones."""
    text = rsc.meta.get("target-role")
    if text is None and rsc.children:
        text = rsc.children[0].meta.get("target-role")
    return text


def _configured_role(rsc: Resource) -> int:
    return parse_role(configured_role_text(rsc))


def _started_word(rsc: Resource) -> str:
    if not rsc.promotable:
        return "Started"
    if _configured_role(rsc) == Role.UNPROMOTED:
        return "Unpromoted (target-role)"
    return "Unpromoted"


def _write_names(out: Outline, word: str, names: list[str]) -> None:
    if names:
        out.item(f"{word}: [ {' '.join(sorted(names, key=name_key))} ]")


def _write_stopped(ws: WorkingSet, rsc: Resource, out: Outline) -> None:
    table = rsc.allowed_nodes or rsc.probed_nodes
    disabled = _configured_role(rsc) == Role.STOPPED
    groups: dict[str, list[str]] = {}
    for entry in sorted(table.values(), key=lambda each: name_key(each.node.name)):
        node = entry.node
        if node in rsc.active_nodes:
            continue
        probe = failed_probe(ws, rsc, node.name)
        state = "Stopped"
        if probe is not None:
            state += f" ({probe})"
        elif disabled:
            state += " (disabled)"
        groups.setdefault(state, []).append(node.name)
    for state in sorted(groups):
        _write_names(out, state, groups[state])


def _write_bundle(ws: WorkingSet, rsc: Resource, out: Outline, display: Display) -> None:
    data = rsc.bundle
    text = f"Container bundle{' set' if len(data.replicas) > 1 else ''}: {rsc.id} [{data.image}]"
    if rsc.unique:
        text += " (unique)"
    if rsc.maintenance:
        text += " (maintenance)"
    elif not rsc.managed:
        text += " (unmanaged)"
    out.begin(text + _description(rsc, display))
    for replica in data.replicas:
        parts = [part for part in (replica.ip, replica.child, replica.container, replica.remote) if part is not None]
        if display.detail:
            out.begin_part(f"Replica[{replica.offset}]" if len(data.replicas) > 1 else "")
            for part in parts:
                out.item(primitive_line(ws, part, display=display), css=resource_class(part))
            out.end()
            continue
        shown = replica.child if replica.child is not None else replica.container
        name = replica.remote.id if replica.remote is not None else replica.container.id
        if replica.ipaddr is not None:
            name += f" ({replica.ipaddr})"
        line = primitive_line(ws, shown, name=name, node=active_node(replica.container), display=display)
        out.item(line, css=resource_class(shown))
    out.end()
