"""What the five local services share: connections by number, answers, refusals (spec ipc.md section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hashell.stack.effects import Effect
from hashell.stack.membership.effects import Refused
from hashell.stack.wire.corosync.layout import CodecError, CsError, Message, bare_error
from hashell.stack.wire.ipcplaces import offered_kind
from hashell.stack.wire.ipcserver import Connection, IpcServer

if TYPE_CHECKING:
    from hashell.stack.membership.host import RingHost

BUFFER = 1 << 20
CLIENT_QUEUE = 5000


class Service:
    """One local service. Subclasses set `name` and `codec` and write `handle` and `closed`."""

    name = ""
    decode: Callable[[bytes], Any]
    acknowledge: Callable[..., bytes]

    def __init__(self, host: RingHost) -> None:
        self.host = host
        self.node = host.node
        self.connections: dict[int, Connection] = {}
        self.server = IpcServer(
            host.settings.ipc_name(self.name),
            on_connect=self._connect,
            on_message=self._message,
            on_close=self._close,
            authorise=host.authorise,
            max_message=BUFFER,
            kind=offered_kind(host.settings),
        )

    def handle(self, client: int, connection: Connection, request: Any) -> None:
        """Answer one request. Raises Refused to answer with its code."""
        raise NotImplementedError

    def opened(self, client: int) -> None:
        """A client has connected."""

    def closed(self, client: int) -> None:
        """A client is gone."""

    def effect(self, effect: Effect) -> None:
        """Pass an effect of the node on to the clients it concerns."""

    def reply(self, connection: Connection, message: Message | bytes) -> None:
        connection.respond(message if isinstance(message, bytes) else message.encode())

    def tell(self, clients: Sequence[int], event: Message) -> None:
        """Send one event to many clients; it is encoded once."""
        data = event.encode()
        for client in clients:
            connection = self.connections.get(client)
            if connection is not None:
                connection.event(data)

    def _connect(self, connection: Connection) -> None:
        client = self.host.next_client()
        connection.data = client
        connection.queue_limit = CLIENT_QUEUE
        self.connections[client] = connection
        self.opened(client)

    def _message(self, connection: Connection, data: bytes) -> None:
        client = connection.data
        assert isinstance(client, int)
        try:
            request = type(self).decode(data)
        except CodecError as error:
            connection.warn(str(error))
            connection.respond(bare_error(CsError.INVALID_PARAM))
            return
        try:
            self.handle(client, connection, request)
        except Refused as refused:
            self.refuse(connection, request, refused.code)

    def refuse(self, connection: Connection, request: Any, code: int) -> None:
        connection.respond(type(self).acknowledge(request, code))

    def _close(self, connection: Connection) -> None:
        client = connection.data
        assert isinstance(client, int)
        self.connections.pop(client, None)
        self.host.closed_clients += 1
        self.closed(client)
