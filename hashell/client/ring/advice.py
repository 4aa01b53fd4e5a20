"""One sentence of advice on a ring: the most urgent of what its measures show (pure)."""

from __future__ import annotations

from collections.abc import Callable

from hashell.client.ring.view import LinkView, RingView

_RECENT = 3600.0
_LOSSY = 0.02
_SLOW = 0.1  #: part of the token timeout that one round trip may take
_SMALL_MTU = 1000
_IGNORED = {
    "key": "{n} packets signed with another key came in: copy one authkey to all nodes and reload",
    "duplicate-id": "{n} packets came from another machine that uses a node id of this ring: give it an id of its own",
    "unknown-node": "{n} packets came from nodes that are not in the nodelist here: bring corosync.conf to one state "
    "on all nodes",
    "source": "{n} packets came from addresses that are no node's: another cluster uses this network and port",
    "magic": "{n} packets were of another protocol, or encrypted: compare transport and crypto settings of all nodes",
}


def advice(view: RingView) -> str:
    """What to do first; praise when there is nothing."""
    rules: tuple[Callable[[RingView], str], ...] = (_stall, _down, _ignored, _missing, _loss, _slow, _mtu, _unsteady)
    for rule in rules:
        words = rule(view)
        if words:
            return words
    return f"the ring is well: {len(view.members)} of {len(view.names)} nodes, nothing lost"


def _stall(view: RingView) -> str:
    stalls = view.stalls
    if stalls is None or not stalls.count or stalls.since > _RECENT or stalls.last < view.token / 4:
        return ""
    remedy = {
        "the machine was suspended": "do not suspend or migrate it live while it is in the cluster",
        "others had the processor": "give it a processor more, or keep other work off it",
        "the process was stopped": "find out who stops it (a debugger, a hypervisor, a full disk)",
    }.get(stalls.cause, "see what it did in its log")
    bridged = "" if stalls.last < view.token else f", longer than the token timeout of {view.token:.1f} s"
    return f"this node did not run for {stalls.last:.1f} s{bridged}: {stalls.cause}; {remedy}"


def _words(view: RingView, link: LinkView) -> str:
    return f"link {link.number} to {view.name(link.node)} ({link.local or 'here'} -> {link.remote})"


def _down(view: RingView) -> str:
    down = [link for link in view.links if not link.connected]
    if not down:
        return ""
    here = [link for link in view.links if link.number == down[0].number]
    if len(here) > 1 and not any(link.connected for link in here):
        return f"link {down[0].number} is down to every node: look at this node's own cable, address and firewall"
    return f"{_words(view, down[0])} is down: check that node, the cable between, and UDP in the firewalls"


def _ignored(view: RingView) -> str:
    for kind, text in _IGNORED.items():
        if view.ignored.get(kind):
            return text.format(n=view.ignored[kind])
    return ""


def _missing(view: RingView) -> str:
    gone = [node for node in view.names if node not in view.members]
    if not gone:
        return ""
    return f"{', '.join(map(view.name, gone))} {'are' if len(gone) > 1 else 'is'} not in the ring: start it there"


def _loss(view: RingView) -> str:
    lossy = [link for link in view.links if link.loss is not None and link.loss > _LOSSY]
    if lossy:
        worst = max(lossy, key=lambda link: link.loss or 0.0)
        return f"{_words(view, worst)} loses {100 * (worst.loss or 0):.0f} % of its packets: look at cable and switch"
    if view.sent > 1000 and view.retransmitted > view.sent * _LOSSY:
        return f"{view.retransmitted} messages had to be sent again: the network of the ring loses packets"
    return ""


def _slow(view: RingView) -> str:
    slow = [link for link in view.links if link.latency and link.latency * len(view.names) > view.token * _SLOW]
    if not slow:
        return ""
    worst = max(slow, key=lambda link: link.latency or 0.0)
    text = f"{(worst.latency or 0) * 1000:.0f} ms there and back over {_words(view, worst)}"
    return f"{text} is much for a token timeout of {view.token:.1f} s: `hashell corosync tune` proposes another"


def _mtu(view: RingView) -> str:
    small = [link for link in view.links if link.connected and 0 < link.mtu < _SMALL_MTU]
    return f"{_words(view, small[0])} carries only {small[0].mtu} bytes a packet: look for a tunnel" if small else ""


def _unsteady(view: RingView) -> str:
    if view.gathers_in_a_row > 5:
        return "the nodes cannot agree on a ring: is UDP between all of them open in both directions?"
    if view.tokens_lost > 3:
        return f"the token was lost {view.tokens_lost} times: `hashell corosync tune` looks for a better timeout"
    return ""
