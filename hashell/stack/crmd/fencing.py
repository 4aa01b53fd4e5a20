"""What becomes of fenced nodes: their states in the CIB, and ourselves when we are the one.

Rules: daemons specification, section 5.4. News of fencing may come late: a node that was rebooted can be back before
its fencing is reported, and must then not be taken for the one that was fenced.
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from hashell.stack.crmd.context import CAN_CREATE, MULTIPLE, XPATH, Context
from hashell.stack.crmd.effects import ExitDaemon
from hashell.stack.crmd.transitioner import Transitioner


class FencingNews:
    """Takes the fencer's answers and notifications. `active()` names the resources that run here."""

    def __init__(self, context: Context, te: Transitioner, active: Callable[[], list[str]]) -> None:
        self.ctx = context
        self.te = te
        self.began = 0.0
        self._active = active
        self._unrecorded: dict[str, float] = {}

    def result(self, token: int, ok: bool, has_device: bool) -> None:
        """The answer to our own request."""
        action = self.te.fencing_result(token, ok, has_device)
        if action is None:
            return
        if action.attributes.get("CRM_meta_stonith_action") != "on":
            self._record(action.node, action.asked_at)
        self.te.confirm_fencing(action)

    def notice(self, target: str, action: str, origin: str) -> None:
        """`target` was fenced at the request of `origin`."""
        since = self.ctx.now - self.ctx.options.stonith_timeout
        if target.lower() == self.ctx.name.lower():
            self._fenced_ourselves(action, origin, since)
            return
        if not self._is_back(target, since):
            self.te.fenced(target)
            self._expect_down(target)
        if self.ctx.is_dc:
            # Whoever confirms a node by hand does so because our own request hangs: it is not waited for any longer.
            asked = self.te.fenced_by_others(target)
            self._record(target, asked[0].asked_at if asked else since)
            for request in asked:
                self.te.confirm_fencing(request)
            if not asked:
                self.te.restart("External Fencing Operation")
        elif self.ctx.dc is None or self.ctx.dc.lower() == target.lower():
            self._unrecorded[target] = since
            if origin.lower() == self.ctx.name.lower():
                self._record(target, since)

    def take_office(self) -> None:
        """We are DC now: write down what happened while there was none."""
        for target, since in self._unrecorded.items():
            self._record(target, since)
        self._unrecorded.clear()

    def _fenced_ourselves(self, action: str, origin: str, since: float) -> None:
        if self.began >= since and not self._active():
            self.ctx.log("info", f"fencing ({action}) by {origin} was that of our former life")
            return
        self.ctx.log("critical", f"we were fenced ({action}) by {origin}")
        self.ctx.emit(ExitDaemon(101 if self.ctx.options.fence_reaction == "panic" else 100))

    def _is_back(self, target: str, since: float) -> bool:
        """True when the node is there and came after the fencing was asked for."""
        peer = self.ctx.peers.get(target)
        return peer is not None and peer.active and peer.came >= since

    def _expect_down(self, target: str) -> None:
        peer = self.ctx.peers.get(target)
        if peer is not None:
            peer.expected = "down"

    def _record(self, target: str, since: float) -> None:
        """Write a fenced node down: it is down, and all it ran and said is void."""
        peer = self.ctx.peers.get(target)
        if self._is_back(target, since):
            self.ctx.log("info", f"node {target} is back from its fencing")
            return
        self.te.fenced(target)
        self._expect_down(target)
        if peer is not None:
            state = etree.Element("node_state", id=str(peer.node_id), uname=target, join="down", expected="down")
            state.set("crm-debug-origin", "send_stonith_update")
            self.ctx.cib("cib_modify", "status", state, CAN_CREATE)
        self.ctx.cib("cib_delete", f"//node_state[@uname='{target}']/*", None, XPATH | MULTIPLE)
