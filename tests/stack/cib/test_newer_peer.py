"""A primary whose copy is older than a peer's asks for the peer's instead of sending one that would be refused."""

from __future__ import annotations

from lxml import etree

from hashell.model.document import empty_cib
from hashell.model.version import CibVersion
from hashell.stack.cib.core import DIGEST_TIMER, CibCore, SendPeer

NOW = 1_795_431_600.0


def test_a_newer_peer_spreads_its_cib() -> None:
    nodes = {name: CibCore(name, empty_cib()) for name in ("n1", "n2")}
    ahead = nodes["n2"].snapshot()
    ahead.set("num_updates", "9")
    nodes["n2"].document = ahead
    nodes["n1"].client_opened("crmd")
    nodes["n1"].client_request("crmd", 0, etree.fromstring('<cib_command cib_op="cib_master" cib_callid="1"/>'), NOW)
    queue = [("n1", e) for e in nodes["n1"].timer(DIGEST_TIMER, NOW)]
    ops = []
    while queue:
        sender, effect = queue.pop(0)
        if not isinstance(effect, SendPeer):
            continue
        ops.append(effect.element.get("cib_op"))
        for name, core in nodes.items():
            if effect.to in (None, name):
                element = etree.fromstring(etree.tostring(effect.element))
                queue += [(name, e) for e in core.peer_message(sender, element, NOW)]
    assert ops[0] == "ping" and "cib_sync" in ops and ops[-1] == "cib_replace"
    assert nodes["n1"].digest() == nodes["n2"].digest()
    assert CibVersion.of(nodes["n1"].document) == CibVersion.of(ahead)
