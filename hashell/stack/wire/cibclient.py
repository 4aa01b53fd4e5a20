"""Client of the CIB manager (`cib_rw`, `cib_ro`; ipc.md section 3.2) with a local copy kept by patchsets."""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree

from hashell.model import patchset
from hashell.model.document import CallOption, Rc, copy_tree, rc_text
from hashell.model.values import integer
from hashell.model.version import CibVersion
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import PacemakerClient

#: Seconds a call waits for its answer.
CALL_TIMEOUT = 120.0

log = logging.getLogger(__name__)


class CibError(Exception):
    """The CIB manager refused a call. `rc` is its negative code, `output` what came with it."""

    def __init__(self, op: str, rc: int, output: etree._Element | None = None) -> None:
        super().__init__(f"{op}: {rc_text(rc)} ({rc})")
        self.op, self.rc, self.output = op, rc, output


@dataclass(frozen=True, slots=True)
class CibReply:
    """The answer to a call; `output` is None when there was none."""

    rc: int
    output: etree._Element | None = None


#: Called with the answer to a call that was sent without waiting.
OnReply = Callable[[CibReply], None]


class CibClient:
    """One connection to the CIB manager of this node.

    `on_diff(notification)` is called for each `cib_diff_notify` after the local copy `cib` follows it, and with None
    after the copy had to be read anew; `on_lost()` once when the manager goes away. Calls that are waited for raise
    CibError for a code other than 0, IpcError when the connection is gone, TimeoutError after CALL_TIMEOUT.
    """

    def __init__(
        self,
        settings: NodeSettings,
        name: str,
        *,
        rw: bool = True,
        on_diff: Callable[[etree._Element | None], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.client_id = ""
        self.cib: etree._Element | None = None  #: the local copy while subscribed; read it, do not change it
        self._on_diff, self._on_lost = on_diff, on_lost
        self._calls = itertools.count(2)
        self._waiting: dict[int, OnReply] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._ipc = PacemakerClient(
            settings, "cib_rw" if rw else "cib_ro", on_event=self._event, on_lost=self._lost
        )

    @property
    def connected(self) -> bool:
        return self._ipc.connected

    # -- connecting ------------------------------------------------------------------------------------------

    async def connect(
        self, wait: float = 0.0, *, subscribe: bool | None = None, patience: float | None = None
    ) -> None:
        """Connect and register, waiting up to `wait` seconds for the manager to serve. Raises IpcError.

        `subscribe` follows the CIB from the start; by default it does when there is an `on_diff`. TimeoutError when
        the manager does not accept us in `patience` seconds, or does not answer.
        """
        await self._ipc.connect(wait, patience)
        try:
            await self._register()
            if subscribe if subscribe is not None else self._on_diff is not None:
                await self.subscribe()
        except BaseException:
            await self.close()
            raise

    async def _register(self) -> None:
        hello = etree.Element("cib_command", t="cib", cib_op="register", cib_clientname=self.name)
        hello.set("cib_callid", "1")
        hello.set("cib_callopt", str(int(CallOption.SYNC_CALL)))
        answer = await self._ipc.request(hello)
        self.client_id = answer.get("cib_clientid", "")
        if answer.get("cib_op") != "register" or not self.client_id:
            raise IpcError(errno.EPROTO, "the CIB manager did not register us")

    async def subscribe(self) -> etree._Element:
        """Read the whole CIB into `cib` and follow it; returns it."""
        request = etree.Element("cib-callback", cib_op="cib_notify", cib_notify_type="cib_diff_notify")
        request.set("cib_notify_activate", "1")
        ack = await self._ipc.request(request)
        if ack.get("status") != "0":
            raise IpcError(errno.EPROTO, "the CIB manager refused the subscription")
        await self._read_all()
        assert self.cib is not None
        return self.cib

    async def close(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
        await self._ipc.close()
        self._fail_all(errno.ENOTCONN)

    # -- calls -----------------------------------------------------------------------------------------------

    async def call(
        self,
        op: str,
        *,
        section: str | None = None,
        data: etree._Element | None = None,
        options: int = 0,
        host: str | None = None,
        user: str | None = None,
    ) -> etree._Element | None:
        """One operation with its answer. `data` is copied. Returns the output, None when there is none."""
        answer: asyncio.Future[CibReply] = asyncio.get_running_loop().create_future()

        def done(reply: CibReply) -> None:
            if not answer.done():
                answer.set_result(reply)

        call_id = self.send(op, section=section, data=data, options=options, host=host, user=user, on_reply=done)
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                reply = await answer
        finally:
            self._waiting.pop(call_id, None)
        if reply.rc == Rc.ENOTCONN:
            raise IpcError(errno.ENOTCONN, "the CIB manager went away")
        if reply.rc:
            raise CibError(op, reply.rc, reply.output)
        return reply.output

    def send(
        self,
        op: str,
        *,
        section: str | None = None,
        data: etree._Element | None = None,
        options: int = 0,
        host: str | None = None,
        user: str | None = None,
        on_reply: OnReply | None = None,
    ) -> int:
        """Send an operation without waiting; returns its call id. Raises IpcError.

        `on_reply` gets the answer, or code -107 when the connection is lost first; without it none is asked for.
        """
        call_id = next(self._calls)
        if on_reply is None:
            options |= CallOption.DISCARD_REPLY
        element = command(op, section=section, data=data, options=options, call_id=call_id, host=host, user=user)
        if on_reply is not None:
            self._waiting[call_id] = on_reply
        try:
            self._ipc.send(element)
        except IpcError:
            self._waiting.pop(call_id, None)
            raise
        return call_id

    async def query(
        self, section: str | None = None, xpath: str | None = None, options: int = 0
    ) -> etree._Element:
        """The whole CIB, one section, or what an XPath finds (several in an `<xpath-query>`). -6 for nothing."""
        if xpath is not None:
            section, options = xpath, options | CallOption.XPATH
        output = await self.call("cib_query", section=section, options=options)
        if output is None:
            raise CibError("cib_query", Rc.ENXIO)
        return output

    async def create(self, section: str | None, data: etree._Element, options: int = 0) -> None:
        await self.call("cib_create", section=section, data=data, options=options)

    async def modify(self, section: str | None, data: etree._Element, options: int = 0) -> None:
        await self.call("cib_modify", section=section, data=data, options=options)

    async def delete(self, section: str | None, data: etree._Element, options: int = 0) -> None:
        await self.call("cib_delete", section=section, data=data, options=options)

    async def delete_xpath(self, xpath: str, options: int = 0) -> None:
        """Delete the first match, or all with CallOption.MULTIPLE; success also when there is none."""
        await self.call("cib_delete", section=xpath, options=options | CallOption.XPATH)

    async def replace(self, section: str | None, data: etree._Element, options: int = 0) -> None:
        await self.call("cib_replace", section=section, data=data, options=options)

    async def apply_diff(self, patch: etree._Element, options: int = 0) -> None:
        await self.call("cib_apply_diff", data=patch, options=options)

    async def commit(self, commands: Sequence[etree._Element], options: int = 0, user: str | None = None) -> None:
        """All the commands (made by `command` with CallOption.TRANSACTION) or none."""
        await self.call("cib_commit_transact", data=transaction(commands), options=options, user=user)

    # -- following -------------------------------------------------------------------------------------------

    async def _read_all(self) -> None:
        self.cib = None
        cib = await self.query()
        root = copy_tree(cib)
        if self.cib is None:
            self.cib = root

    def _event(self, element: etree._Element) -> None:
        if element.tag == "notify" or element.get("t") == "cib_notify":
            self._notified(element)
            return
        holder = element.find("cib_calldata")
        output = holder[0] if holder is not None and len(holder) else None
        on_reply = self._waiting.pop(integer(element.get("cib_callid")), None)
        if on_reply is not None:
            on_reply(CibReply(integer(element.get("cib_rc"), Rc.EPROTO), output))

    def _notified(self, element: etree._Element) -> None:
        patch = element.find("cib_update_result/diff")
        if patch is None or element.get("cib_rc", "0") != "0" or self.cib is None:
            return
        version = CibVersion.of(self.cib)
        rc = patchset.apply(self.cib, patch)
        if rc == Rc.OLD_DATA and not _leads_beyond(patch, version):
            return
        if rc:
            log.info("the local copy of the CIB cannot follow (%s): reading it anew", rc_text(rc))
            self.cib = None
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())
            return
        if self._on_diff:
            self._on_diff(element)

    async def _refresh(self) -> None:
        try:
            await self._read_all()
        except (IpcError, CibError, TimeoutError) as error:
            log.warning("the CIB could not be read anew: %s", error)
            return
        if self._on_diff:
            self._on_diff(None)

    def _lost(self) -> None:
        self._fail_all(errno.ENOTCONN)
        if self._on_lost:
            self._on_lost()

    def _fail_all(self, number: int) -> None:
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for on_reply in waiting:
            on_reply(CibReply(-number))


def command(
    op: str,
    *,
    section: str | None = None,
    data: etree._Element | None = None,
    options: int = 0,
    call_id: int = 0,
    host: str | None = None,
    user: str | None = None,
) -> etree._Element:
    """A `<cib_command>` as the peers' client library builds it; `data` is copied."""
    element = etree.Element("cib_command", t="cib", cib_op=op)
    for name, value in (
        ("cib_host", host),
        ("cib_section", section),
        ("cib_user", user),
        ("cib_callid", str(call_id)),
        ("cib_callopt", str(int(options))),
    ):
        if value is not None:
            element.set(name, value)
    if data is not None:
        etree.SubElement(element, "cib_calldata").append(copy_tree(data))
    return element


def transaction(commands: Sequence[etree._Element]) -> etree._Element:
    """The `<cib_transaction>` of commands, which are moved into it."""
    element = etree.Element("cib_transaction")
    element.extend(commands)
    return element


def _leads_beyond(patch: etree._Element, version: CibVersion) -> bool:
    """True when the patch ends at a newer version than ours: we have missed something, not seen it already."""
    target = patch.find("version/target")
    return target is not None and CibVersion.of(target) > version
