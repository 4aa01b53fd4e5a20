"""What a user hears when a CIB manager permits no change: what is missing, and the original's exit code."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from lxml import etree

from hashell.client.cluster import Cluster, open_cluster
from hashell.client.source import LiveSource
from hashell.model.diagnostics import HashellError
from hashell.model.document import Rc
from hashell.model.exitcodes import ExitCode
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request
from tests.tui.clusters import cluster


class Manager:
    """Lets everybody read, and answers every other operation with `rc`."""

    def __init__(self) -> None:
        self.settings = NodeSettings(ipc_prefix=f"r{uuid.uuid4().hex[:6]}-", user="", name="node1", embedded=True)
        self.server = PacemakerServer(self.settings, "cib_rw", on_request=self.request)
        self.rc = int(Rc.EACCES)

    def request(self, client: Client, request: Request) -> None:
        op = request.element.get("cib_op")
        if op == "register":
            client.respond(request, etree.Element("hello", cib_op="register", cib_clientid=client.id))
            return
        if op == "cib_notify":
            client.ack(request, 0)
            return
        number = request.element.get("cib_callid")
        answer = etree.Element("cib-reply", cib_op=op, cib_callid=number, cib_rc=str(self.rc))
        if op == "cib_query":
            answer.set("cib_rc", "0")
            etree.SubElement(answer, "cib_calldata").append(cluster())
        client.event(answer)


@pytest.fixture
async def manager() -> AsyncIterator[Manager]:
    manager = Manager()
    await manager.server.start()
    yield manager
    await manager.server.close()


async def _change(cluster: Cluster) -> None:
    old = await cluster.cib()
    new = await cluster.cib()
    new.find(".//primitive").set("description", "changed")
    await cluster.commit(old, new)


async def _replace(cluster: Cluster) -> None:
    await cluster.replace(await cluster.cib())


async def _ticket(cluster: Cluster) -> None:
    await cluster.set_ticket("paris", {"granted": "true"})


@pytest.mark.parametrize("change", [_change, _replace, _ticket])
async def test_a_refusal_by_access_rules_says_so(manager, change) -> None:
    cluster = await open_cluster(LiveSource(manager.settings))
    with pytest.raises(HashellError, match=r"ACLs.*nothing was changed") as refused:
        await change(cluster)
    assert refused.value.exit_code == ExitCode.INSUFFICIENT_PRIV
    manager.rc = int(Rc.NO_QUORUM)
    with pytest.raises(HashellError) as refused:
        await change(cluster)
    assert refused.value.exit_code == ExitCode.ERROR and "ACL" not in str(refused.value)
    await cluster.close()
