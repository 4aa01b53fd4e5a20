"""A ring's state and a token proposal as text, JSON and XML (pure)."""

from __future__ import annotations

import json
from dataclasses import asdict

from lxml import etree

from hashell.client.ring.advice import advice
from hashell.client.ring.tune import Proposal
from hashell.client.ring.view import LinkView, RingView

#: copies of tokens come with every busy moment and every change of the ring
_EVERYDAY = ("old-token", "foreign-token")


def status_text(view: RingView) -> str:
    lines = [f"local node {view.name(view.here)} ({view.here}), transport {view.transport}, "
             f"token {view.token:.2f} s"]  # fmt: skip
    for node in sorted(view.names):
        state = "this node" if node == view.here else "in the ring" if node in view.members else "NOT in the ring"
        lines.append(f"  {view.name(node)} ({node}): {state}")
        lines += [f"    {_link_text(link)}" for link in view.links if link.node == node]
    if view.rotation:
        lines.append(f"the token takes {view.rotation * 1000:.1f} ms round the ring")
    if view.stalls and view.stalls.count:
        stalls = view.stalls
        lines.append(f"this node did not run {stalls.count} times, {stalls.longest:.1f} s at most, last "
                     f"{stalls.last:.1f} s, {_ago(stalls.since)} ago: {stalls.cause}")  # fmt: skip
    for kind, count in view.ignored.items():
        if kind not in _EVERYDAY:
            lines.append(f"{count} packets ignored: {kind}")
    lines.append(f"advice: {advice(view)}")
    return "\n".join(lines)


def _link_text(link: LinkView) -> str:
    parts = [f"link {link.number}: {' -> '.join(end for end in (link.local, link.remote) if end)}"]
    parts.append("connected" if link.connected else "DOWN")
    if link.loss is not None:
        parts.append(f"loss {100 * link.loss:.1f} %")
    if link.latency is not None:
        parts.append(f"round trip {link.latency * 1000:.2f} ms")
    if link.mtu:
        parts.append(f"mtu {link.mtu}")
    if link.downs:
        parts.append(f"{link.downs} times down")
    return ", ".join(parts)


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def status_json(view: RingView) -> str:
    return json.dumps({**asdict(view), "advice": advice(view)}, indent=2)


def status_xml(view: RingView) -> str:
    root = etree.Element("ring", node=str(view.here), transport=view.transport, token=f"{view.token:.3f}")
    for node in sorted(view.names):
        element = etree.SubElement(
            root, "node", id=str(node), name=view.name(node), member=str(node in view.members).lower()
        )
        for link in view.links:
            if link.node == node:
                values = {k: _plain(v) for k, v in asdict(link).items() if k != "node" and v is not None}
                etree.SubElement(element, "link", values)
    if view.stalls:
        etree.SubElement(root, "stalls", {k: _plain(v) for k, v in asdict(view.stalls).items()})
    for kind, count in view.ignored.items():
        etree.SubElement(root, "ignored", kind=kind, count=str(count))
    etree.SubElement(root, "advice").text = advice(view)
    return etree.tostring(root, pretty_print=True, encoding="unicode").rstrip("\n")


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:.6f}" if isinstance(value, float) else str(value)


def tune_text(proposal: Proposal) -> str:
    lines = [f"because {reason}" for reason in proposal.reasons]
    if not proposal.changes:
        return "\n".join([f"token: {proposal.current} ms fits what was measured", *lines])
    lines.insert(0, f"token: {proposal.token} ms instead of {proposal.current} ms "
                    f"({proposal.effective / 1000:.2f} s with the nodes of this ring)")  # fmt: skip
    lines += ["write into the totem section of corosync.conf on every node, then `hashell corosync reload`:",
              f"    token: {proposal.token}"]  # fmt: skip
    if proposal.retransmits != 4:
        lines.append(f"    token_retransmits_before_loss_const: {proposal.retransmits}")
    return "\n".join(lines)


def tune_json(proposal: Proposal) -> str:
    return json.dumps({**asdict(proposal), "changes": proposal.changes}, indent=2)


def tune_xml(proposal: Proposal) -> str:
    root = etree.Element("token", {k: _plain(v) for k, v in asdict(proposal).items() if k != "reasons"})
    root.set("changes", _plain(proposal.changes))
    for reason in proposal.reasons:
        etree.SubElement(root, "reason").text = reason
    return etree.tostring(root, pretty_print=True, encoding="unicode").rstrip("\n")
