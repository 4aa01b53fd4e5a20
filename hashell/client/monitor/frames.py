"""Looks at a cluster on the way from one machine to another: XML texts with a NUL behind each.

A frame is a CIB, a list of fencing actions as `stonith_admin --history='*' --output-as=xml` prints it, or empty: a sign
of life. XML cannot contain a NUL, so a shell loop around the original's tools can write frames as well.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from lxml import etree

from hashell.client.board import FencingView
from hashell.client.diagnostics import Refused
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import parse

#: A frame that is longer is no look at a cluster.
MOST_BYTES = 64 * 1024 * 1024
SIGN_OF_LIFE = b"\0"


def cib_frame(cib: etree._Element) -> bytes:
    return etree.tostring(cib) + b"\0"


def fencing_frame(events: Iterable[FencingView]) -> bytes:
    root = etree.Element("fence_history")
    for event in events:
        element = etree.SubElement(root, "fence_event", target=event.target, action=event.action, status=event.state,
                                   delegate=event.delegate, origin=event.origin, client=event.client)  # fmt: skip
        if event.reason:
            element.set("exit-reason", event.reason)
        moment = datetime.datetime.fromtimestamp(event.when, datetime.UTC)
        element.set("completed", f"{moment:%Y-%m-%d %H:%M:%S}.{event.microseconds:06d}Z")
    return etree.tostring(root) + b"\0"


def fencing_of(root: etree._Element) -> tuple[FencingView, ...]:
    """The actions of a list of them, in its order; times that cannot be read are 0."""
    return tuple(_event(element) for element in root.iter("fence_event"))


def _event(element: etree._Element) -> FencingView:
    def word(name: str) -> str:
        return element.get(name) or ""

    when, micro = _moment(word("completed"))
    return FencingView(word("target"), word("action"), word("status"), word("delegate"), word("origin"),
                       word("client"), when, word("exit-reason"), micro)  # fmt: skip


def _moment(text: str) -> tuple[int, int]:
    try:
        moment = datetime.datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return 0, 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp()), moment.microsecond


class Frames:
    """Takes bytes as they come and gives what is complete: None for a sign of life, otherwise the XML."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[etree._Element | None]:
        """Raises HashellError, with the beginning of what came, for anything but frames."""
        self._rest += data
        while (end := self._rest.find(0)) >= 0:
            text = bytes(self._rest[:end])
            del self._rest[: end + 1]
            yield self._read(text) if text.strip() else None
        if len(self._rest) > MOST_BYTES:
            raise self._strange("more than 64 MiB without an end")

    def _read(self, text: bytes) -> etree._Element:
        try:
            return parse(text)
        except etree.XMLSyntaxError:
            raise self._strange(text[:120].decode("utf-8", "replace").strip()) from None

    def _strange(self, what: str) -> HashellError:
        return HashellError(Refused(what=f"what {self._sender} sends", reason=f"it is no look at a cluster: {what}"))
