"""Frames: what is written is read again, in any pieces; what is none is refused with its beginning."""

from __future__ import annotations

import pytest
from lxml import etree

from hashell.client.board import FencingView
from hashell.client.monitor.frames import SIGN_OF_LIFE, Frames, cib_frame, fencing_frame, fencing_of
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import parse
from tests.tui.clusters import cluster

EVENTS = (
    FencingView("node2", "reboot", "success", "node1", "node3", "crmd.7", 1_700_000_090, "", 123456),
    FencingView("node3", "off", "failed", "", "node1", "admin", 1_700_000_000, "no <device>"),
)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_pieces_of_any_size_give_the_same(size: int) -> None:
    data = cib_frame(cluster()) + SIGN_OF_LIFE + fencing_frame(EVENTS) + b"\n\0"
    frames = Frames("db1")
    found = [frame for i in range(0, len(data), size) for frame in frames.feed(data[i : i + size])]
    assert [None if f is None else f.tag for f in found] == ["cib", None, "fence_history", None]
    assert found[0] is not None
    assert etree.tostring(found[0]) == etree.tostring(parse(etree.tostring(cluster())))
    assert found[2] is not None and fencing_of(found[2]) == EVENTS


def test_the_original_s_list_of_fencing_is_understood() -> None:
    root = etree.fromstring(
        '<pacemaker-result><fence_history><fence_event status="success" action="off" target="node2" client="c"'
        ' origin="node1" delegate="node3" completed="2023-11-14 23:14:50.5 +01:00"/>'
        '<fence_event status="pending" action="off" target="node1" client="c" origin="node1" extended-status="sent"/>'
        "</fence_history></pacemaker-result>")
    done, pending = fencing_of(root)
    assert (done.when, done.microseconds, done.delegate) == (1_700_000_090, 500_000, "node3")
    assert (pending.state, pending.when) == ("pending", 0)


def test_what_is_no_frame_is_refused_with_its_beginning() -> None:
    with pytest.raises(HashellError, match="db1 sends was refused: it is no look at a cluster: Welcome to db1"):
        list(Frames("db1").feed(b"Welcome to db1!\n<cib/>\0"))
