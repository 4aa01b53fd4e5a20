"""The system bus: calls that survive a bus that goes away and comes back. The only file that knows the D-Bus library.

Only what both dbus-next and its maintained successor dbus-fast offer is used, so that one can take the other's place.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

_BUS = "org.freedesktop.DBus"
_BUS_PATH = "/org/freedesktop/DBus"
_RETRY_SECONDS = 0.25
_CLOSE_SECONDS = 1.0
#: Errors of the bus about a service that is not (yet) on it again; with Spawn, all that begin so.
_ABSENT = tuple(
    f"{_BUS}.Error.{name}" for name in ("ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected", "Spawn.")
)


class BusError(Exception):
    """An error reply: `name` is the D-Bus error name, str() the words that came with it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class BusLost(Exception):
    """There is no system bus, or it went away and did not come back in time."""


Call = Callable[[str, str, str, str, str, list[Any]], Awaitable[list[Any]]]


class SystemBus:
    """One connection to the system bus, made when it is first needed and again when it was lost.

    `on_signal(interface, member, body)` gets the signals that the match rules `matches` select; `greet`,
    which gets a function that calls like `call` with the arguments in one list, is awaited on each new connection, for
    what a service wants to be told by every client. `address` is that of the bus, by default
    the system's (DBUS_SYSTEM_BUS_ADDRESS is heeded).
    """

    def __init__(
        self,
        *,
        matches: Sequence[str] = (),
        on_signal: Callable[[str, str, list[Any]], None] | None = None,
        greet: Callable[[Call], Awaitable[None]] | None = None,
        address: str | None = None,
        patience: float = 10.0,
    ) -> None:
        self._matches, self._on_signal, self._greet = tuple(matches), on_signal, greet
        self._address = address
        self._patience = patience
        self._bus: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connecting = asyncio.Lock()
        self._greeted = False
        self._ending: asyncio.Future[Any] | None = None

    async def call(
        self, destination: str, path: str, interface: str, member: str, signature: str = "", *body: Any
    ) -> list[Any]:
        """Call a method and return the values of its reply.

        A call whose connection ends under it, or whose service is not on the bus, is made again for at most `patience`
        seconds: what is called here may be called twice. Raises BusError on an error reply and BusLost without a bus.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a connection belongs to the loop that it was made in
            self._loop, self._bus, self._connecting, self._greeted = loop, None, asyncio.Lock(), False
        deadline = loop.time() + self._patience
        while True:
            try:
                bus = await self._connected()
                return await self._call_once(bus, destination, path, interface, member, signature, list(body))
            except BusError as error:
                if not error.name.startswith(_ABSENT):
                    raise
                self._greeted = False  # whoever comes in its place does not know us
                reason = str(error)
            except (OSError, EOFError, BusLost) as error:
                reason = str(error) or type(error).__name__
            if loop.time() + _RETRY_SECONDS > deadline:
                raise BusLost(reason)
            await asyncio.sleep(_RETRY_SECONDS)

    async def close(self) -> None:
        """Disconnect; calls under way fail, and a later one connects again."""
        bus, self._bus = self._bus, None
        if bus is not None and self._loop is asyncio.get_running_loop():
            if bus.connected:
                bus.disconnect()
            if self._ending is not None:
                await asyncio.wait([self._ending], timeout=_CLOSE_SECONDS)
            _release(bus, self._loop)

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._bus is None or not self._bus.connected:
                await self._connect()
            if not self._greeted and self._greet is not None:
                await self._greet(partial(self._call_once, self._bus))
            self._greeted = True
            return self._bus

    async def _connect(self) -> None:
        from dbus_next.aio import MessageBus
        from dbus_next.constants import BusType
        from dbus_next.errors import AuthError, InvalidAddressError

        await self.close()
        try:
            address: Any = self._address
            bus = MessageBus(bus_address=address, bus_type=BusType.SYSTEM)
            self._bus = await asyncio.wait_for(bus.connect(), self._patience)
        except (AuthError, InvalidAddressError, TimeoutError) as error:
            raise BusLost(str(error) or "no answer") from None
        self._greeted = False
        self._ending = asyncio.ensure_future(self._bus.wait_for_disconnect())
        self._ending.add_done_callback(_take_note)
        self._bus.add_message_handler(self._message)
        for rule in self._matches:
            await self._call_once(self._bus, _BUS, _BUS_PATH, _BUS, "AddMatch", "s", [rule])

    @staticmethod
    async def _call_once(
        bus: Any, destination: str, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> list[Any]:
        from dbus_next.constants import MessageType
        from dbus_next.message import Message

        message = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=body
        )
        reply = await bus.call(message)
        if reply is None:
            raise BusLost("the connection was lost")
        if reply.message_type is MessageType.ERROR:
            raise BusError(reply.error_name, str(reply.body[0]) if reply.body else reply.error_name)
        return list(reply.body)

    def _message(self, message: Any) -> None:
        from dbus_next.constants import MessageType

        if message.message_type is MessageType.SIGNAL and self._on_signal is not None:
            self._on_signal(message.interface or "", message.member or "", list(message.body))


def _take_note(ending: asyncio.Future[Any]) -> None:
    """The end of a connection is told by the calls that it breaks; nobody waits for this."""
    if not ending.cancelled():
        ending.exception()


def _release(bus: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Close the socket of a connection that has ended: the library leaves that to the garbage collector."""
    for part in (getattr(bus, name, None) for name in ("_stream", "_sock")):
        if part is None:
            continue
        with contextlib.suppress(OSError, ValueError):
            loop.remove_reader(part.fileno())
            loop.remove_writer(part.fileno())
        with contextlib.suppress(OSError, ValueError):
            part.close()
