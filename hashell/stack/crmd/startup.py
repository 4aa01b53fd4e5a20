"""The controller's first steps, its options, and the wish to stop (daemons specification, sections 3.2 and 3.6)."""

from __future__ import annotations

from lxml import etree

from hashell.stack.crmd.context import XPATH, Context
from hashell.stack.crmd.effects import OpenIpc
from hashell.stack.crmd.fsa import State
from hashell.stack.crmd.history import was_active
from hashell.stack.crmd.options import Options
from hashell.stack.effects import SetTimer
from hashell.stack.election.core import Election

_NO_SUCH_SECTION = -6


class Startup:
    """Waits for what must be known before the controller may leave S_STARTING."""

    def __init__(self, context: Context, election: Election) -> None:
        self.ctx = context
        self.election = election
        self.started = False
        self._configured = False
        self._stop_wanted = False
        self._left_behind = False

    def look_around(self) -> None:
        """At the start: what did an earlier run of this daemon leave behind, and which options hold?"""
        path = f"//node_state[@uname='{self.ctx.name}']/lrm"
        self.ctx.cib("cib_query", path, None, XPATH, self._survey)
        self.read_options()

    def _survey(self, rc: int, lrm: etree._Element | None) -> None:
        if rc == 0 and lrm is not None:
            self._left_behind = any(was_active(resource) for resource in lrm.iter("lrm_resource"))

    def read_options(self) -> None:
        """Read the cluster options, now and whenever they change."""
        self.ctx.cib("cib_query", "crm_config", None, 0, self._options_read)

    def _options_read(self, rc: int, crm_config: etree._Element | None) -> None:
        if rc not in (0, _NO_SUCH_SECTION):
            self.ctx.log("error", f"cluster options could not be read (CIB error {rc})")
        else:
            self.ctx.options = Options.read(crm_config)
            self.election.timeout_seconds = self.ctx.options.election_timeout
        first, self._configured = not self._configured, True
        if first and self._stop_wanted:
            self._begin_shutdown()
        self.try_started()

    def try_started(self) -> None:
        """Leave S_STARTING once we are a member and the options are known (section 3.2 step 2)."""
        ourselves = self.ctx.peers.get(self.ctx.name)
        if self.ctx.state is not State.STA or self.started or not self._configured:
            return
        if ourselves is not None and ourselves.active:
            self.started, self._left_behind = True, False
            self.ctx.emit(OpenIpc())
            self.ctx.raise_input("PENDING")
            if self._stop_wanted:
                self.ctx.raise_input("SHUTDOWN")

    def stop(self) -> None:
        """The supervisor wants us to end."""
        if self._stop_wanted:
            return
        self._stop_wanted = True
        self.ctx.log("notice", "shutting down")
        self.ctx.emit(SetTimer("shutdown-escalation", self.ctx.options.shutdown_escalation))
        if self.ctx.state is not State.STA or self._configured:
            self._begin_shutdown()

    def _begin_shutdown(self) -> None:
        """Stop now, or after joining when an earlier run of this daemon left resources behind."""
        if not (self.ctx.state is State.STA and self._left_behind):
            self.ctx.raise_input("SHUTDOWN")
