"""The head of a status report: stack, DC, quorum, times, numbers of nodes and resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.client.view.failures import when
from hashell.client.view.nodelist import node_title

if TYPE_CHECKING:
    from hashell.client.statusreport.facts import Facts
    from hashell.client.view.outline import Outline


@dataclass(frozen=True)
class Head:
    """The facts of the summary as words."""

    name: str
    stack: str
    daemons: str
    dc: str
    dc_id: str
    dc_version: str
    quorum: bool
    mixed: bool
    updated: str
    changed: str
    user: str
    client: str
    origin: str


def head_of(facts: Facts) -> Head:
    ws, cib = facts.ws, facts.cib
    return Head(
        name=ws.options.get("cluster-name", ""),
        stack=ws.options.get("cluster-infrastructure") or "unknown",
        daemons=facts.daemons,
        dc=ws.dc_node.name if ws.dc_node else "",
        dc_id=ws.dc_node.id if ws.dc_node else "",
        dc_version=ws.options.get("dc-version") or "",
        quorum=ws.quorate,
        mixed=_mixed(facts),
        updated=when(ws, facts.now),
        changed=cib.get("cib-last-written") or "",
        user=cib.get("update-user") or "",
        client=cib.get("update-client") or "",
        origin=cib.get("update-origin") or "",
    )


def _mixed(facts: Facts) -> bool:
    """Whether the full nodes that are online say different feature sets."""
    versions = [n.attrs.get("#feature-set") or "" for n in facts.ws.nodes
                if n.online and not n.is_pacemaker_remote()]  # fmt: skip
    return any(version != versions[0] for version in versions)


def write_summary(facts: Facts, out: Outline) -> None:
    """The list `Cluster Summary`; without headers nothing but that there is no DC."""
    head = head_of(facts)
    if not facts.display.headers:
        if facts.ws.dc_node is None:
            out.begin("Cluster Summary")
            _write_dc(facts, head, out)
            out.end()
            out.blank()
        return
    out.begin("Cluster Summary")
    _pair(out, "Stack", head.stack, *((" (", f"Pacemaker is {head.daemons}", ")") if head.daemons else ()))
    _write_dc(facts, head, out)
    _pair(out, "Last updated", head.updated, *((" on ", facts.host) if facts.host else ()))
    changed = head.changed
    for word, value in (("by", head.user), ("via", head.client), ("on", head.origin)):
        if value:
            changed += f" {word} {value}"
    _pair(out, "Last change", changed, gap="  ")
    _write_counts(facts, out)
    out.end()
    if not out.is_page:
        _write_mode(facts, out)
    out.blank()


def _write_mode(facts: Facts, out: Outline) -> None:
    if facts.ws.in_maintenance:
        out.blank()
        out.text("              *** Resource management is DISABLED ***")
        out.text("  The cluster will not attempt to start, stop or recover services")
    elif facts.ws.stop_all:
        out.blank()
        out.text("    *** Resource management is DISABLED ***")
        out.text("  The cluster will keep all resources stopped")


def _pair(out: Outline, name: str, *value: str, gap: str = " ") -> None:
    """A name and a value, whose pieces are spans of their own on a page."""
    out.item(f"{name}:{gap}{''.join(value)}", spans=[("bold", f"{name}: "), *(("", piece) for piece in value)])


def _write_dc(facts: Facts, head: Head, out: Outline) -> None:
    ws = facts.ws
    if ws.dc_node is None:
        out.item("Current DC: NONE", spans=[("bold", "Current DC: "), ("warning", "NONE")])
        return
    dc = f"{node_title(ws.dc_node, facts.display)} (version {head.dc_version or 'unknown'}) -"
    mixed = " MIXED-VERSION" if head.mixed else ""
    quorum = "with" if head.quorum else "WITHOUT"
    spans = [("bold", "Current DC: "), ("", dc)]
    if mixed:
        spans += [("warning", mixed)]
    spans += [("", " partition"), ("" if head.quorum else "warning", f" {quorum}"), ("", " quorum")]
    out.item(f"Current DC: {dc}{mixed} partition {quorum} quorum", spans=spans)


def _write_counts(facts: Facts, out: Outline) -> None:
    ws = facts.ws
    count = len(ws.nodes)
    text = f"{count} node{'s' * (count != 1)} configured"
    out.item(text, spans=[("", text)])
    text = f"{ws.ninstances} resource instance{'s' * (ws.ninstances != 1)} configured"
    spans: list[tuple[str, str]] = [("", text)]
    if ws.disabled_resources and ws.blocked_resources:
        spans = [("", f"{text} ({ws.disabled_resources} "), ("bold", "DISABLED"), ("", f", {ws.blocked_resources} "),
                  ("warning", "BLOCKED"), ("", " from further action due to failure)")]  # fmt: skip
        more = f" ({ws.disabled_resources} DISABLED, {ws.blocked_resources} BLOCKED from further action due to failure)"
    elif ws.disabled_resources:
        spans = [("", f"{text} ({ws.disabled_resources} "), ("bold", "DISABLED"), ("", ")")]
        more = f" ({ws.disabled_resources} DISABLED)"
    elif ws.blocked_resources:
        spans = [("", f"{text} ({ws.blocked_resources} "), ("bold", "BLOCKED"),
                  ("", " from further action due to failure)")]  # fmt: skip
        more = f" ({ws.blocked_resources} BLOCKED from further action due to failure)"
    else:
        more = ""
    out.item(text + more, spans=spans)
