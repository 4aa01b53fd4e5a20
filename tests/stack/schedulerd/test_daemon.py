"""The scheduler daemon over its real socket, and the files it keeps."""

from __future__ import annotations

import asyncio
import bz2
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lxml import etree

from hashell.model.document import empty_cib
from hashell.stack.schedulerd import daemon as daemon_module
from hashell.stack.schedulerd.daemon import Daemon
from hashell.stack.schedulerd.inputs import InputStore
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.pacemaker import PacemakerClient

DEADLINE = 30.0


class Asker:
    """A controller's connection that collects the answers."""

    def __init__(self, settings: NodeSettings) -> None:
        self.answers: asyncio.Queue[etree._Element] = asyncio.Queue()
        self.client = PacemakerClient(settings, "pengine", on_event=self.answers.put_nowait)

    async def ask(self, cib: etree._Element | None, **changes: str) -> etree._Element:
        """The acknowledgement."""
        message = etree.Element("message", t="pengine", subt="request", version="3.20.0", reference="pe_calc-1")
        message.set("crm_sys_from", "1_test")
        message.set("crm_sys_to", "pengine")
        message.set("crm_task", "pe_calc")
        for name, value in changes.items():
            message.set(name, value)
        if cib is not None:
            etree.SubElement(message, "crm_xml").append(cib)
        return await self.client.request(message, DEADLINE)

    async def answer(self) -> etree._Element:
        return await asyncio.wait_for(self.answers.get(), DEADLINE)


@pytest.fixture
async def asker(tmp_path: Path) -> AsyncIterator[Asker]:
    settings = NodeSettings(
        name="n1", state_dir=tmp_path, run_dir=tmp_path, ipc_prefix=f"hat{os.getpid()}-{tmp_path.name}-", user=""
    )
    daemon = Daemon(settings)
    await daemon.server.start()
    asker = Asker(settings)
    await asker.client.connect(DEADLINE)
    yield asker
    await asker.client.close()
    await daemon.server.close()


def some_cib() -> etree._Element:
    cib = empty_cib()
    cib.set("have-quorum", "1")
    cib.set("dc-uuid", "1")
    etree.SubElement(cib.find("configuration/nodes"), "node", id="1", uname="n1")
    return cib


async def test_a_transition_is_computed_and_its_input_kept(asker: Asker, tmp_path: Path) -> None:
    ack = await asker.ask(some_cib())
    assert (ack.tag, ack.get("status")) == ("ack", "112")
    answer = await asker.answer()
    assert (answer.get("reference"), answer.get("subt")) == ("pe_calc-1", "response")
    assert answer.get("crm_sys_to") == "1_test"
    assert answer.find("crm_xml/transition_graph").get("transition_id") == "1"
    path = Path(answer.get("crm-tgraph-in"))
    assert path.parent == tmp_path / "pengine"
    assert etree.fromstring(bz2.decompress(path.read_bytes())).get("execution-date", "").isdigit()
    await asker.ask(some_cib())
    second = await asker.answer()
    assert second.find("crm_xml/transition_graph").get("transition_id") == "2"
    assert second.get("crm-tgraph-in") == str(path), "the same input is kept once"


async def test_requests_that_are_none_get_no_answer_and_do_no_harm(asker: Asker) -> None:
    assert (await asker.ask(some_cib(), crm_task="dance")).get("status") == "2"
    assert (await asker.ask(some_cib(), crm_sys_to="crmd")).get("status") == "112"
    await asker.ask(None)
    await asker.ask(etree.Element("status"))
    await asker.ask(some_cib(), reference="good")
    assert (await asker.answer()).get("reference") == "good"


async def test_an_input_the_engine_refuses_is_answered_without_a_graph(asker: Asker) -> None:
    cib = some_cib()
    cib.set("crm_feature_set", "99.0.0")
    await asker.ask(cib)
    answer = await asker.answer()
    assert answer.find("crm_xml/transition_graph") is None
    assert "pe-error" in answer.get("crm-tgraph-in", "")


async def test_a_newer_cib_replaces_what_waits_and_what_is_under_way(
    asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun = threading.Event(), threading.Event()
    computed: list[str] = []
    real = daemon_module._schedule

    def held(cib: etree._Element, now: float, number: int) -> object:
        computed.append(cib.get("epoch", ""))
        begun.set()
        assert gate.wait(DEADLINE)
        return real(cib, now, number)

    monkeypatch.setattr(daemon_module, "_schedule", held)
    for epoch in ("10", "11", "12"):
        cib = some_cib()
        cib.set("epoch", epoch)
        await asker.ask(cib, reference=f"epoch-{epoch}")
        if epoch == "10":
            assert await asyncio.to_thread(begun.wait, DEADLINE)
    gate.set()
    assert (await asker.answer()).get("reference") == "epoch-12"
    assert computed == ["10", "12"], "the second was overtaken before its turn"
    cib = some_cib()
    await asker.ask(cib, reference="after")
    assert (await asker.answer()).get("reference") == "after", "nothing of what was overtaken is answered later"


def test_series_wrap_and_repeat(tmp_path: Path) -> None:
    store = InputStore(tmp_path / "pengine")
    cibs = [etree.Element("cib", epoch=str(n)) for n in range(4)]
    names = [Path(store.save(cib, "pe-input", 3)).name for cib in cibs]
    assert names == ["pe-input-0.bz2", "pe-input-1.bz2", "pe-input-2.bz2", "pe-input-0.bz2"]
    assert store.save(cibs[3], "pe-input", 3).endswith("pe-input-0.bz2")
    assert (tmp_path / "pengine" / "pe-input.last").read_text() == "1"
    assert store.save(cibs[0], "pe-warn", 0) == ""
    again = InputStore(tmp_path / "pengine")
    assert again.save(cibs[0], "pe-input", -1).endswith("pe-input-1.bz2")


def test_an_unwritable_folder_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert InputStore(tmp_path / "file").save(etree.Element("cib"), "pe-input", 10) == ""


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"", b"--7", "²".encode(), b"-4"])
def test_a_damaged_counter_starts_anew(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "pe-input.last").write_bytes(damage)
    assert InputStore(tmp_path).save(etree.Element("cib"), "pe-input", 10).endswith("pe-input-0.bz2")
    assert (tmp_path / "pe-input.last").read_text() == "1"


@pytest.mark.parametrize("value", ["--5", "²", "many", ""])
async def test_a_senseless_series_maximum_stops_nothing(asker: Asker, value: str) -> None:
    cib = some_cib()
    options = etree.SubElement(cib.find("configuration/crm_config"), "cluster_property_set", id="o")
    etree.SubElement(options, "nvpair", id="m", name="pe-input-series-max", value=value)
    etree.SubElement(options, "nvpair", id="s", name="stonith-enabled", value="false")
    await asker.ask(cib)
    answer = await asker.answer()
    assert answer.find("crm_xml/transition_graph") is not None and answer.get("crm-tgraph-in")
