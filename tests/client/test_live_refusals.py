"""What a user hears when a CIB manager permits no change: what is missing, and the original's exit code."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from lxml import etree

from hashell.client import live
from hashell.client.cluster import Cluster, open_cluster
from hashell.client.source import LiveSource
from hashell.model.diagnostics import HashellError
from hashell.model.document import CallOption, Rc, copy_tree
from hashell.model.exitcodes import ExitCode
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request
from tests.tui.clusters import cluster


class Manager:
    """Lets everybody read, and answers every other operation with `rc`, or with what `permitted` has for it."""

    def __init__(self) -> None:
        self.settings = NodeSettings(ipc_prefix=f"r{uuid.uuid4().hex[:6]}-", user="", name="node1", embedded=True)
        self.server = PacemakerServer(self.settings, "cib_rw", on_request=self.request)
        self.rc = int(Rc.EACCES)
        self.permitted: dict[str, int] = {}
        self.cib = cluster()
        self.asked: list[str] = []  #: operations, with `?` after those that were only tried

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
            etree.SubElement(answer, "cib_calldata").append(copy_tree(self.cib))
        else:
            tried = int(request.element.get("cib_callopt", "0")) & CallOption.DRYRUN
            self.asked.append(f"{op}?" if tried else str(op))
            answer.set("cib_rc", str(self.permitted.get(str(op), self.rc)))
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


async def _two_changes(cluster: Cluster) -> None:
    old = await cluster.cib()
    new = await cluster.cib()
    db = new.find(".//primitive[@id='db']")
    db.set("description", "changed")
    db.remove(db.find("operations"))
    await cluster.commit(old, new)


async def test_who_may_write_one_object_is_served_by_commands_for_it(manager) -> None:
    """A patch of the whole is refused to such a user, because it writes the root."""
    manager.permitted = {"cib_modify": 0}
    cluster = await open_cluster(LiveSource(manager.settings))
    await _change(cluster)
    assert manager.asked == ["cib_apply_diff", "cib_modify"]
    await cluster.close()


@pytest.mark.parametrize(("release", "last"), [("3.20.0", ["cib_commit_transact"]),
                                               ("3.16.1", ["cib_delete", "cib_modify"])])  # fmt: skip
async def test_several_commands_are_tried_before_any_is_carried_out(manager, release, last) -> None:
    manager.permitted = {"cib_modify": 0, "cib_delete": 0, "cib_commit_transact": 0}
    manager.cib.set("crm_feature_set", release)
    cluster = await open_cluster(LiveSource(manager.settings))
    await _two_changes(cluster)
    assert manager.asked == ["cib_apply_diff", "cib_delete?", "cib_modify?", *last]
    del manager.permitted["cib_modify"]
    manager.asked.clear()
    with pytest.raises(HashellError, match="nothing was changed"):
        await _two_changes(cluster)
    assert manager.asked == ["cib_apply_diff", "cib_delete?", "cib_modify?"]
    await cluster.close()


async def test_who_sees_a_part_only_is_served_by_commands_at_once(manager) -> None:
    for name in ("epoch", "admin_epoch", "num_updates", "crm_feature_set"):
        del manager.cib.attrib[name]
    manager.permitted = {"cib_modify": 0}
    cluster = await open_cluster(LiveSource(manager.settings))
    await _change(cluster)
    assert manager.asked == ["cib_modify"]
    await cluster.close()


@pytest.mark.parametrize("verb", ["cleanup", "refresh"])
async def test_a_cleanup_that_would_be_refused_clears_no_failure(manager, verb, monkeypatch) -> None:
    """It is tried at the CIB manager first: nobody serves attributes here, and nobody is asked to clear any."""
    monkeypatch.setattr(live.os, "geteuid", lambda: 54321)
    manager.cib = cluster(db_failed=True)
    live_cluster = await open_cluster(LiveSource(manager.settings))
    with pytest.raises(HashellError, match="forgetting what db did on .*ACLs.*to user 54321") as refused:
        await getattr(live_cluster, verb)("db")
    assert refused.value.exit_code == ExitCode.INSUFFICIENT_PRIV and manager.asked == ["cib_delete?"]
    await live_cluster.close()
