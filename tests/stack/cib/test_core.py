"""The CIB manager's rules on a perfect group."""

from __future__ import annotations

import random

import pytest

from hashell.model.document import CallOption, Rc, empty_cib
from hashell.model.version import CibVersion
from hashell.model.xmltext import compact, parse
from tests.stack.cib.network import SYNC, Network

DUMMY = '<primitive id="{}" class="ocf" provider="pacemaker" type="Dummy"/>'
A = DUMMY.format("a")


def version(node) -> str:
    return str(CibVersion.of(node.core.document))


@pytest.fixture
def net():
    return Network("n1", "n2", "n3")


def test_a_change_reaches_all_and_is_answered_where_it_was_asked(net):
    client = net["n1"].client("cibadmin")
    assert net["n1"].call(client, "cib_create", A, cib_section="resources") == (0, None)
    assert len(net.digests()) == 1 and version(net["n3"]) == "0.1.0"
    assert not net["n2"].replies and len(net["n3"].written) == 1
    (message,) = net.sent
    assert message[1] == (
        '<cib_command t="cib" cib_op="cib_create" cib_section="resources" cib_callid="7" cib_callopt="4096" '
        'cib_clientid="cibadmin@n1" cib_clientname="cibadmin" acl_target="root" cib_user="root" src="n1" '
        f'cib_delegated_from="n1"><cib_calldata>{A}</cib_calldata></cib_command>'
    )
    assert net["n3"].core.document.get("update-origin") == "n1"


def test_queries_stay_at_home(net):
    client = net["n2"].client()
    rc, output = net["n2"].call(client, "cib_query", cib_section="nodes")
    assert (rc, compact(output)) == (0, "<nodes/>") and not net.sent


def test_a_query_for_another_node_goes_there_and_back(net):
    net["n3"].core.document.find("configuration/nodes").set("here", "n3")
    client = net["n1"].client()
    rc, output = net["n1"].call(client, "cib_query", cib_host="n3", cib_section="nodes")
    assert (rc, output.get("here")) == (0, "n3")
    assert [to for _sender, _text, to in net.sent] == ["n3", "n1"]


def test_errors_are_answered_with_their_output(net):
    client = net["n1"].client()
    net["n1"].call(client, "cib_create", A, cib_section="resources")
    rc, output = net["n1"].call(client, "cib_create", A, cib_section="resources")
    assert rc == Rc.EEXIST and output.tag == "failed"
    assert len(net.digests()) == 1 and version(net["n1"]) == "0.1.0"


def test_asynchronous_and_unwanted_answers(net):
    client = net["n1"].client()
    net["n1"].replies.clear()
    net["n1"].ask(client, "cib_bump", options=0, call=3)
    net["n1"].ask(client, "cib_bump", options=int(CallOption.DISCARD_REPLY), call=4)
    net.settle()
    ((_client, request, answer, sync),) = net["n1"].replies
    assert (request, sync, answer.get("cib_callid")) == (0, False, "3") and version(net["n2"]) == "0.2.2"


def test_the_diff_is_told_before_the_answer_to_those_who_want_it(net):
    node = net["n1"]
    client, other = node.client("one"), node.client("two")
    wish = parse('<x cib_op="cib_notify" cib_notify_type="cib_diff_notify" cib_notify_activate="1"/>')
    node.run(node.core.client_request(client, 5, wish, net.now))
    node.run(node.core.client_request(other, 6, parse('<x cib_op="cib_notify" cib_notify_type="?"/>'), net.now))
    assert node.acks == [(client, 5, 0), (other, 6, 2)]
    node.order.clear()
    node.call(other, "cib_create", A, cib_section="resources")
    assert node.order == ["SendPeer", "WriteDisk", "SetTimer", "NotifyClients", "ReplyClient"]
    ((clients, element),) = node.notes
    assert clients == (client,)
    assert dict(element.attrib) == {
        "t": "cib_notify", "subt": "cib_diff_notify", "cib_op": "cib_create", "cib_clientid": "two@n1",
        "cib_clientname": "two", "cib_callid": "7", "src": "n1", "cib_rc": "0",
    }  # fmt: skip
    assert element.find("cib_update_result/diff/change") is not None


@pytest.mark.parametrize("options", [CallOption.DRYRUN, CallOption.INHIBIT_NOTIFY])
def test_quiet_calls_notify_nobody(net, options):
    node = net["n1"]
    client = node.client()
    node.core.clients[client].notify["cib_diff_notify"] = True
    node.call(client, "cib_create", A, cib_section="resources", options=SYNC | options)
    assert not node.notes


def test_users_cannot_name_another_user(net):
    node = net["n1"]
    joe, root = node.client("joe", user="joe", privileged=False), node.client("root")
    node.ask(joe, "cib_bump", cib_user="root", call=1)
    node.ask(root, "cib_bump", cib_user="ann", call=2)
    sent = [parse(text) for _s, text, _t in net.queue]
    assert [(e.get("acl_target"), e.get("cib_user")) for e in sent] == [("joe", "joe"), ("root", "ann")]


def test_privileged_questions_are_refused_on_the_read_only_endpoint(net):
    node = net["n1"]
    client = node.client(read_only=True)
    assert node.call(client, "cib_ismaster")[0] == Rc.EACCES
    assert node.call(client, "cib_master")[0] == Rc.EACCES and not node.core.primary
    assert node.call(client, "cib_query")[0] == 0


def test_unknown_operations_and_stray_options_are_answered(net):
    node = net["n1"]
    client = node.client("x")
    assert node.call(client, "sing")[0] == Rc.EOPNOTSUPP
    assert node.call(client, "cib_bump", options=SYNC | CallOption.TRANSACTION)[0] == Rc.EINVAL
    assert "'sing'" in node.log[0] and not net.sent
    node.run(node.core.peer_message("n2", parse('<x t="cib" cib_op="dance"/>'), net.now))
    assert "'dance'" in node.log[-1]


def test_the_primary_heals_a_node_that_differs(net):
    primary = net["n2"]
    client = primary.client("crmd")
    assert primary.call(client, "cib_ismaster")[0] == Rc.EPERM
    assert primary.call(client, "cib_master")[0] == 0 and primary.call(client, "cib_ismaster")[0] == 0
    primary.call(client, "cib_create", A, cib_section="resources")
    broken = net["n3"].core.snapshot()
    broken.find("configuration/resources").clear()
    net["n3"].core.document = broken
    net.sent.clear()
    net.wait(5)
    assert len(net.digests()) == 1
    pings = [text for _s, text, to in net.sent if to is None]
    assert pings == ['<ping t="cib" cib_op="ping" cib_ping_id="1" crm_feature_set="3.20.0"/>']
    copies = [(parse(text), to) for _s, text, to in net.sent if text.startswith("<copy")]
    assert [to for _e, to in copies] == ["n3"]
    assert copies[0][0].get("cib_update") == "true" and version(net["n3"]) == "0.1.0"


def test_answers_to_an_old_ping_are_ignored(net):
    primary = net["n2"]
    client = primary.client("crmd")
    primary.call(client, "cib_master")
    primary.call(client, "cib_bump")
    net["n3"].core.document = empty_cib()
    primary.run(primary.core.timer("digest", net.now))
    primary.ask(client, "cib_create", A, cib_section="resources", call=8)
    net.settle()
    assert not any(text.startswith("<copy") for _s, text, _t in net.sent)


def test_sync_from_the_best_node_goes_to_all():
    best = empty_cib()
    best.set("epoch", "9")
    net = Network("n1", "n2", "n3", documents={"n3": best})
    client = net["n1"].client("crmd")
    assert net["n1"].call(client, "cib_sync", cib_host="n3")[0] == 0
    assert {version(node) for node in net.nodes.values()} == {"0.9.0"} and len(net.digests()) == 1
    assert net["n1"].replies[-1][2].get("cib_op") == "cib_replace"


def test_an_older_cib_does_not_replace_a_newer_one():
    newer = empty_cib()
    newer.set("epoch", "9")
    net = Network("n1", "n2", documents={"n1": newer})
    client = net["n2"].client("crmd")
    net["n2"].call(client, "cib_sync")
    assert version(net["n1"]) == "0.9.0"


def test_a_diff_from_the_future_brings_a_resync():
    newer = empty_cib()
    newer.set("epoch", "9")
    net = Network("n1", "n2", documents={"n1": newer})
    client = net["n2"].client()
    diff = (
        '<diff format="2"><version><source admin_epoch="0" epoch="9" num_updates="0"/>'
        '<target admin_epoch="0" epoch="10" num_updates="0"/></version></diff>'
    )
    rc, _ = net["n2"].call(client, "cib_apply_diff", diff)
    assert rc == Rc.DIFF_RESYNC and version(net["n2"]) == "0.9.0"
    assert any(text.startswith("<sync-me") for _s, text, _t in net.sent)


def test_only_the_primary_decides_on_an_upgrade():
    old = empty_cib("pacemaker-3.9")
    net = Network("n1", "n2", documents={"n1": old, "n2": old})
    client, crmd = net["n1"].client(), net["n2"].client("crmd")
    net["n2"].call(crmd, "cib_master")
    assert net["n1"].call(client, "cib_upgrade")[0] == 0
    assert {n.core.document.get("validate-with") for n in net.nodes.values()} == {"pacemaker-4.0"}
    assert version(net["n1"]) == "1.1.2" and len(net.digests()) == 1
    assert net["n1"].call(client, "cib_upgrade")[0] == Rc.SCHEMA_UNCHANGED


def test_leaving_waits_for_one_answer(net):
    net["n3"].run(net["n3"].core.shutdown(net.now))
    assert net["n3"].exit is None
    net.settle()
    assert net["n3"].exit == 0
    alone = Network("n1")
    alone["n1"].run(alone["n1"].core.shutdown(0))
    assert alone["n1"].exit == 0


def test_leaving_does_not_wait_for_ever(net):
    net["n3"].run(net["n3"].core.shutdown(net.now))
    net.queue.clear()
    net.wait(9)
    assert net["n3"].exit is None
    net.wait(1)
    assert net["n3"].exit == 0


def test_an_unusable_cib_answers_so_until_it_is_replaced():
    net = Network("n1", status=Rc.SCHEMA_VALIDATION)
    client = net["n1"].client()
    assert net["n1"].call(client, "cib_query")[0] == Rc.SCHEMA_VALIDATION
    assert net["n1"].call(client, "cib_bump")[0] == Rc.SCHEMA_VALIDATION
    assert net["n1"].call(client, "cib_replace", compact(empty_cib()))[0] == 0
    assert net["n1"].call(client, "cib_query")[0] == 0


@pytest.mark.parametrize("seed", range(12))
def test_copies_stay_equal_whatever_is_asked(seed):
    rng = random.Random(seed)
    net = Network("n1", "n2", "n3")
    clients = {name: node.client() for name, node in net.nodes.items()}
    primary = net["n1"]
    primary.call(clients["n1"], "cib_master")
    for call in range(60):
        name = rng.choice(["n1", "n2", "n3"])
        ident = rng.choice("abcde")
        op, section, data, options = rng.choice([
            ("cib_create", "resources", DUMMY.format(ident), 0),
            ("cib_delete", None, f'<primitive id="{ident}"/>', 0),
            ("cib_modify", "status", f'<node_state id="{rng.randint(1, 3)}" crmd="{call}"/>', 8),
            ("cib_modify", "resources", DUMMY.format(ident).replace("Dummy", "Stateful"), 0),
            ("cib_replace", "resources", f"<resources>{DUMMY.format(ident)}</resources>", 0),
            ("cib_delete", "//node_state", None, 2 | rng.choice([0, 4])),
            ("cib_bump", None, None, 0), ("cib_erase", None, None, 0),
        ])  # fmt: skip
        more = {"cib_section": section} if section else {}
        net[name].ask(clients[name], op, data, options=SYNC | options, call=call + 10, **more)
        if rng.random() < 0.4:
            net.settle()
            assert len(net.digests()) == 1
    net.settle()
    net.wait(10)
    assert len(net.digests()) == 1
    assert not any(text.startswith("<copy") for _s, text, _t in net.sent), "a digest differed"
    for name, node in net.nodes.items():
        answered = [r for r in node.replies if r[0] == clients[name] and r[1] > 107]
        assert len(answered) == len({r[1] for r in answered})
