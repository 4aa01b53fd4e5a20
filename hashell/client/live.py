"""A running cluster: the daemons of one node, ours or the original's, over their local sockets."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import errno
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from hashell.client.board import FencingView
from hashell.client.cluster import Cluster
from hashell.client.diagnostics import CibInvalid, Conflict, NoAnswer, NotAllowed, NotConnected, NotPermitted, Refused
from hashell.client.pieces import partly_seen, pieces
from hashell.client.source import LiveSource
from hashell.model import patchset
from hashell.model.diagnostics import HashellError
from hashell.model.document import CallOption, Rc, rc_text
from hashell.model.exitcodes import ExitCode
from hashell.model.version import CibVersion, compare_feature_sets
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.attrdclient import AttrdClient
from hashell.stack.wire.cibclient import CibClient, CibError, command
from hashell.stack.wire.crmdclient import CrmdClient, CrmdError, ResourceAgent
from hashell.stack.wire.fencerclient import FencerClient, FenceRecord
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import user_name

_FENCING_STATES = {0: "pending", 1: "pending", 2: "success", 3: "pending", 4: "failed"}
#: A commit competes with status updates, which only cost a new attempt; more than this means trouble.
_COMMIT_TRIES = 20
#: How long a daemon may take to accept a connection, in seconds: one that takes longer is frozen.
_ACCEPT_SECONDS = 15.0
#: The feature set since which several commands can be one change.
_TRANSACTIONS = "3.19.0"
_PACEMAKERD = Path("/usr/sbin/pacemakerd")


@dataclass(frozen=True)
class _Place:
    """One resource on one node."""

    agent: ResourceAgent
    node: str
    online: bool

    @property
    def path(self) -> str:
        """Where the CIB has its history."""
        return f"//node_state[@uname='{self.node}']/lrm/lrm_resources/lrm_resource[@id='{self.agent.id}']"

    @property
    def forgetting(self) -> str:
        return f"forgetting what {self.agent.id} did on {self.node}"


class LiveCluster(Cluster):
    """A connection to the CIB manager, followed; the other daemons are asked when they are needed."""

    live = True

    def __init__(self, source: LiveSource) -> None:
        super().__init__(source)
        self.settings: NodeSettings = source.settings
        self._callbacks: list[Callable[[], None]] = []
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._cib = CibClient(self.settings, "hashell", on_diff=self._changed, on_lost=self._gone)

    @classmethod
    async def open(cls, source: LiveSource) -> LiveCluster:
        """Connect. Raises HashellError with NotConnected or NotPermitted."""
        cluster = cls(source)
        try:
            async with cluster._errors("the CIB manager", _ACCEPT_SECONDS):
                await cluster._cib.connect(patience=_ACCEPT_SECONDS)
        except CibError as error:
            await cluster.close()
            raise cluster._refusal(error) from None
        return cluster

    async def close(self) -> None:
        self._callbacks.clear()
        await self._cib.close()

    # -- the configuration -----------------------------------------------------------------------------------

    async def cib(self) -> etree._Element:
        return await self._query() if self._cib.cib is None else copy.deepcopy(self._cib.cib)

    async def _query(self) -> etree._Element:
        try:
            async with self._errors("the CIB manager", 120):
                return copy.deepcopy(await self._cib.query())
        except CibError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: CibError) -> HashellError:
        """What is said when the CIB manager lets nobody read."""
        if error.rc == Rc.SCHEMA_VALIDATION:
            return HashellError(CibInvalid(where=str(self.source)))
        return _refused("reading the configuration", error.rc)

    async def commit(self, old: etree._Element, new: etree._Element) -> None:
        expected = CibVersion.of(old)
        for _ in range(_COMMIT_TRIES):
            current = await self._query()
            found = CibVersion.of(current)
            if found[:2] != expected[:2]:
                raise HashellError(Conflict(expected=str(expected), found=str(found)))
            if partly_seen(current):
                await self._commit_in_pieces(current, new)
                return
            patch = _rebased(current, new)
            if patch is None:
                return
            try:
                async with self._errors("the CIB manager", 120):
                    await self._cib.apply_diff(patch)
            except CibError as error:
                if error.rc in (Rc.OLD_DATA, Rc.DIFF_RESYNC, Rc.DIFF_FAILED):
                    continue
                if error.rc == Rc.EACCES:
                    await self._commit_in_pieces(current, new)
                    return
                raise _refused("the change", error.rc) from None
            return
        raise HashellError(Conflict(expected=str(expected), found="changing all the time"))

    async def _commit_in_pieces(self, current: etree._Element, new: etree._Element) -> None:
        """Commit for a user whom access rules let write, or see, some objects only: all of it or nothing."""
        old, wanted = current.find("configuration"), new.find("configuration")
        parts = pieces(old, wanted) if old is not None and wanted is not None else []
        if not parts:
            raise _refused("the change", Rc.EACCES)
        try:
            async with self._errors("the CIB manager", 120):
                for part in parts if len(parts) > 1 else ():
                    await self._cib.call(part.op, section=part.section, data=part.data,
                                         options=part.options | CallOption.DRYRUN)  # fmt: skip
                if len(parts) > 1 and compare_feature_sets(current.get("crm_feature_set") or "0", _TRANSACTIONS) >= 0:
                    await self._cib.commit([
                        command(part.op, section=part.section, data=part.data, call_id=number,
                                options=part.options | CallOption.TRANSACTION)
                        for number, part in enumerate(parts, 1)
                    ])  # fmt: skip
                    return
                for part in parts:
                    await self._cib.call(part.op, section=part.section, data=part.data, options=part.options)
        except CibError as error:
            raise _refused("the change", error.rc) from None

    async def replace(self, new: etree._Element) -> None:
        configuration = new.find("configuration")
        if configuration is None:
            raise HashellError(Refused(what="the new CIB", reason="it has no configuration"))
        try:
            async with self._errors("the CIB manager", 120):
                await self._cib.replace("configuration", configuration)
        except CibError as error:
            raise _refused("the new configuration", error.rc) from None

    async def set_ticket(self, ticket: str, values: Mapping[str, str] | None) -> None:
        status = etree.Element("status")
        state = etree.SubElement(etree.SubElement(status, "tickets"), "ticket_state", id=ticket)
        for name, value in (values or {}).items():
            state.set(name, value)
        try:
            async with self._errors("the CIB manager", 120):
                if values is None:
                    await self._cib.delete("status", state)
                else:
                    await self._cib.modify("status", status)
        except CibError as error:
            raise _refused(f"ticket {ticket}", error.rc) from None

    def on_change(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    async def alive(self) -> None:
        try:
            async with self._errors("the CIB manager", 30):
                await self._cib.query("crm_config")
        except CibError:
            pass  # an answer, too

    async def wait_lost(self) -> str:
        return await asyncio.shield(self._lost)

    def _changed(self, _notification: etree._Element | None) -> None:
        for callback in self._callbacks:
            callback()

    def _gone(self) -> None:
        if not self._lost.done():
            self._lost.set_result(f"the connection to {self.source} was lost")

    # -- fencing ---------------------------------------------------------------------------------------------

    async def fencing_history(self, target: str = "") -> list[FencingView]:
        try:
            async with self._fencer() as fencer:
                return [_fencing_view(record) for record in await fencer.history(target)]
        except HashellError:
            if target:
                raise
            return []  # the rest of the board is worth showing without it

    async def fence(self, node: str, action: str = "reboot", timeout: float = 120.0) -> None:
        async with self._fencer() as fencer:
            outcome = await fencer.fence(node, action, timeout)
        if not outcome.ok:
            raise HashellError(Refused(what=f"fencing {node}", reason=outcome.reason or rc_text(-201)))

    async def confirm_fenced(self, node: str) -> None:
        async with self._fencer() as fencer:
            outcome = await fencer.confirm(node)
        if not outcome.ok:
            raise HashellError(Refused(what=f"confirming {node}", reason=outcome.reason or rc_text(-201)))

    # -- attributes ------------------------------------------------------------------------------------------

    async def set_attribute(self, node: str, name: str, value: str | None, *, dampen: str = "") -> None:
        async with self._attrd() as attrd:
            await attrd.update(name, value, node=node or None, dampen=dampen or None)

    async def attributes(self, name: str) -> dict[str, str]:
        async with self._attrd() as attrd:
            return {node: value for node, value in (await attrd.query(name) or {}).items() if value is not None}

    # -- resources -------------------------------------------------------------------------------------------

    async def cleanup(self, resource: str = "", node: str = "", operation: str = "", interval: str = "") -> None:
        failed = [place for place in self._places(await self.cib(), resource, node) if self._has_failed(place)]
        await self._try_forgetting(failed)
        async with self._attrd() as attrd:
            if not resource:
                await attrd.clear_failures(None, operation or None, interval or None, node or None)
            for name in dict.fromkeys(place.agent.id for place in failed) or ([resource] if resource else []):
                await attrd.clear_failures(name, operation or None, interval or None, node or None)
        await self._forget(failed)

    async def refresh(self, resource: str = "", node: str = "") -> None:
        places = list(self._places(await self.cib(), resource, node))
        await self._try_forgetting(places)
        async with self._attrd() as attrd:
            await attrd.clear_failures(resource or None, None, None, node or None)
        if resource:
            await self._forget(places)
            return
        async with self._controller() as controller:
            await controller.reprobe(node)

    async def fail(self, resource: str, node: str) -> None:
        for place in self._places(await self.cib(), resource, node):
            async with self._controller() as controller:
                await controller.fail_resource(place.agent, place.node)
            return
        raise HashellError(Refused(what=f"failing {resource}", reason=f"it was never active on {node}"))

    async def _try_forgetting(self, places: list[_Place]) -> None:
        """Raise what the CIB manager would refuse: the attribute manager clears failures for whoever asks."""
        for place in places if os.geteuid() else ():
            try:
                async with self._errors("the CIB manager", 120):
                    await self._cib.delete_xpath(place.path, CallOption.DRYRUN)
            except CibError as error:
                raise _refused(place.forgetting, error.rc) from None

    async def _forget(self, places: list[_Place]) -> None:
        if not places:
            return
        async with self._controller() as controller:
            for place in places:
                try:
                    await controller.delete_history(place.agent, place.node, cib_only=not place.online)
                except CrmdError as error:
                    if error.rc == ExitCode.INSUFFICIENT_PRIV:
                        raise _refused(place.forgetting, Rc.EACCES) from None
                    raise HashellError(Refused(what=place.forgetting, reason=str(error))) from None

    def _has_failed(self, place: _Place) -> bool:
        cib = self._cib.cib
        if cib is None:
            return True
        path = f"status/node_state[@uname='{place.node}']/lrm/lrm_resources/lrm_resource[@id='{place.agent.id}']"
        operations = cib.iterfind(f"{path}/lrm_rsc_op")
        return any("_last_failure_" in (op.get("id") or "") for op in operations) or any(
            nvpair.get("name", "").startswith(f"fail-count-{place.agent.id}#")
            for nvpair in cib.iterfind(f"status/node_state[@uname='{place.node}']/transient_attributes//nvpair")
        )

    def _places(self, cib: etree._Element, resource: str, node: str) -> Iterator[_Place]:
        """Where the history knows the resource, or the members of a group or clone; '' stands for all."""
        wanted = _members(cib, resource) if resource else None
        for state in cib.iterfind("status/node_state"):
            name = state.get("uname") or ""
            if node and name != node:
                continue
            online = (state.get("crmd") or "") not in ("", "0", "offline")
            for entry in state.iterfind("lrm/lrm_resources/lrm_resource"):
                ident = entry.get("id") or ""
                if wanted is None or ident in wanted or ident.split(":")[0] in wanted:
                    agent = ResourceAgent(
                        ident, entry.get("class") or "", entry.get("provider") or "", entry.get("type") or ""
                    )
                    yield _Place(agent, name, online)

    # -- the cluster as a whole ------------------------------------------------------------------------------

    async def forget_node(self, node: str) -> None:
        async with self._controller() as controller:
            await controller.forget_node(node)

    async def wait_idle(self, seconds: float, on_wait: Callable[[str], None] | None = None) -> bool:
        deadline = time.monotonic() + seconds
        calm = 0
        while calm < 2:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                async with self._controller() as controller:
                    state = (await controller.ping_dc(min(left, 5.0))).state
            except HashellError:
                state = "no DC"
            calm = calm + 1 if state == "S_IDLE" else 0
            if on_wait and state != "S_IDLE":
                on_wait(state)
            await asyncio.sleep(0.25)
        return True

    # -- connections and their errors --------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _fencer(self) -> AsyncIterator[FencerClient]:
        client = FencerClient(self.settings, name="hashell")
        async with self._errors("the fencer", _ACCEPT_SECONDS):
            await client.connect(patience=_ACCEPT_SECONDS)
        async with self._errors("the fencer", 60):
            try:
                yield client
            finally:
                await client.close()

    @contextlib.asynccontextmanager
    async def _controller(self) -> AsyncIterator[CrmdClient]:
        client = CrmdClient(self.settings)
        async with self._errors("the controller", _ACCEPT_SECONDS):
            await client.connect(patience=_ACCEPT_SECONDS)
        async with self._errors("the controller", 30):
            try:
                yield client
            finally:
                await client.close()

    @contextlib.asynccontextmanager
    async def _attrd(self) -> AsyncIterator[AttrdClient]:
        client = AttrdClient(self.settings, "hashell")
        async with self._errors("the attribute manager", _ACCEPT_SECONDS):
            await client.connect(patience=_ACCEPT_SECONDS)
        async with self._errors("the attribute manager", 30):
            try:
                yield client
            finally:
                await client.close()

    @contextlib.asynccontextmanager
    async def _errors(self, daemon: str, seconds: float) -> AsyncIterator[None]:
        try:
            yield
        except TimeoutError:
            raise HashellError(NoAnswer(daemon=daemon, seconds=seconds)) from None
        except IpcError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise HashellError(NotPermitted(what=f"connecting to {daemon}")) from None
            if error.errno == errno.EAGAIN:  # not ready, or frozen for so long that nobody may wait in line any more
                raise HashellError(NoAnswer(daemon=daemon, seconds=seconds)) from None
            reason = "" if error.errno == errno.ECONNREFUSED else f"{daemon}: {error.strerror or error}"
            where, installed = str(self.source), not self.settings.embedded and _PACEMAKERD.exists()
            raise HashellError(NotConnected(where=where, reason=reason, pacemaker=installed)) from None


def _refused(what: str, rc: int) -> HashellError:
    """What is said to a user whose request the CIB manager answered with that code."""
    if rc == Rc.EACCES:
        return HashellError(NotAllowed(what=what, user=user_name(os.geteuid())))
    return HashellError(Refused(what=what, reason=rc_text(rc)))


def _rebased(current: etree._Element, new: etree._Element) -> etree._Element | None:
    """The patchset that gives the running CIB the configuration (and status, when edited) of `new`."""
    target = copy.deepcopy(current)
    old_configuration, configuration = target.find("configuration"), new.find("configuration")
    if old_configuration is not None and configuration is not None:
        target.replace(old_configuration, copy.deepcopy(configuration))
    if schema := new.get("validate-with"):
        target.set("validate-with", schema)
    if not patchset.changes(current, target):
        return None
    target.set("epoch", str(CibVersion.of(current).epoch + 1))
    target.set("num_updates", "0")
    return patchset.create(current, target)


def _members(cib: etree._Element, resource: str) -> dict[str, None]:
    """The primitives below a resource, itself included, by id."""
    for element in cib.iterfind("configuration/resources//*"):
        if element.get("id") == resource and element.tag in ("primitive", "group", "clone", "master", "bundle"):
            return {p.get("id") or "": None for p in element.iter("primitive")}
    return {resource: None}


def _fencing_view(record: FenceRecord) -> FencingView:
    return FencingView(
        target=record.target,
        action=record.action,
        state=_FENCING_STATES.get(record.state, "failed"),
        delegate=record.delegate,
        origin=record.origin,
        client=record.client,
        when=int(record.date),
        reason=record.reason,
        microseconds=round(record.date % 1 * 1e6) % 1_000_000,
    )
