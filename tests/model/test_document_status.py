"""Requests on the status section in place: nothing but the speed tells them from the general way."""

from __future__ import annotations

import random

import pytest

from hashell.model.document import CallOption, copy_tree
from hashell.model.document_apply import CibRequest, Surroundings, perform
from hashell.model.document_status import perform_in_status
from hashell.model.xmltext import compact, parse

AROUND = Surroundings(now_text="now")


def start() -> str:
    nodes = "".join(
        f'<node_state id="{n}" uname="n{n}"><lrm id="{n}"><lrm_resources>'
        + "".join(f'<lrm_resource id="r{r}"><lrm_rsc_op id="r{r}_last_0" rc="{r}"/></lrm_resource>' for r in range(3))
        + f'</lrm_resources></lrm><transient_attributes id="{n}"><instance_attributes id="status-{n}">'
        f'<nvpair id="status-{n}-a" name="a" value="1"/></instance_attributes></transient_attributes></node_state>'
        for n in (1, 2)
    )
    return (
        '<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" epoch="5" num_updates="3" admin_epoch="0">'
        "<configuration><crm_config/><nodes/><resources/><constraints/></configuration>"
        f"<status>{nodes}</status></cib>"
    )


def random_request(rng: random.Random) -> CibRequest:
    node, resource = rng.choice("123"), rng.choice("0123")
    history = f'<lrm_rsc_op id="r{resource}_{rng.choice(["last_0", "mon"])}" rc="{rng.randint(0, 3)}"/>'
    data = rng.choice([
        f'<node_state id="{node}" crmd="{rng.randint(0, 2)}"/>',
        f'<node_state id="{node}"><lrm id="{node}"><lrm_resources><lrm_resource id="r{resource}">{history}'
        "</lrm_resource></lrm_resources></lrm></node_state>",
        f'<node_state id="{node}"><transient_attributes id="{node}"><instance_attributes id="status-{node}"><nvpair '
        f'id="status-{node}-{rng.choice("abc")}" name="b" value="value++"/></instance_attributes>'
        "</transient_attributes></node_state>",
        f'<lrm_resource id="r{resource}"/>', f'<nvpair id="status-{node}-a" value="value++"/>', "<status/>",
        '<transient_attributes x="1"/>', "<primitive id='q'/>",
    ])  # fmt: skip
    options = rng.choice([0, 8, 8, 2048, 2056])
    if rng.random() < 0.4:
        path = rng.choice([
            f"//node_state[@uname='n{node}']/*", f"//node_state[@id='{node}']/lrm/lrm_resources/lrm_resource",
            f"//nvpair[@id='status-{node}-a']", "//lrm_rsc_op[@rc='1']", "//node_state", "//resources", "/cib", "//[",
            f"/cib/status/node_state[@id='{node}']/lrm/lrm_resources/lrm_resource[@id='r{resource}']",
        ])  # fmt: skip
        return CibRequest("cib_delete", path, CallOption(rng.choice([2, 6])))
    section = rng.choice(["status"] * 5 + [None, "resources"])
    return CibRequest(rng.choice(["cib_modify"] * 3 + ["cib_delete"]), section, CallOption(options), parse(data))


def transaction(rng: random.Random) -> CibRequest:
    body = ""
    for _ in range(rng.randint(1, 4)):
        part = random_request(rng)
        section = "" if part.section is None else f' cib_section="{part.section}"'
        data = "" if part.data is None else f"<cib_calldata>{compact(part.data)}</cib_calldata>"
        body += f'<cib_command cib_op="{part.op}"{section} cib_callopt="{part.options | 1024}">{data}</cib_command>'
    return CibRequest("cib_commit_transact", data=parse(f"<cib_transaction>{body}</cib_transaction>"))


@pytest.mark.parametrize("seed", range(40))
def test_the_result_is_that_of_the_general_way(seed):
    rng = random.Random(seed)
    quick, slow = parse(start()), parse(start())
    taken = 0
    for _ in range(25):
        request = transaction(rng) if rng.random() < 0.4 else random_request(rng)
        expected = perform(slow, request, AROUND)
        slow = expected.document
        before = compact(quick)
        outcome = perform_in_status(quick, request, AROUND)
        if outcome is None:
            assert compact(quick) == before
            quick = perform(quick, request, AROUND).document
        else:
            taken += 1
            assert outcome.rc == expected.rc and outcome.document is quick
            texts = [None if p is None else compact(p) for p in (outcome.patch, expected.patch)]
            assert texts[0] == texts[1] or outcome.rc
        assert compact(quick) == compact(slow)
    assert taken > 4


@pytest.mark.parametrize(
    "request_",
    [
        CibRequest("cib_modify", "resources", data=parse("<resources/>")),
        CibRequest("cib_modify", "status", CallOption.DRYRUN, parse('<node_state id="1" x="y"/>')),
        CibRequest("cib_modify", "status", data=parse('<node_state id="1" x="y"/>'), is_update=True),
        CibRequest("cib_modify", "status"),
        CibRequest("cib_bump"),
        CibRequest("cib_delete", "//nodes", CallOption.XPATH),
        CibRequest("cib_commit_transact"),
    ],
)
def test_what_is_left_to_the_general_way(request_):
    cib = parse(start())
    before = copy_tree(cib)
    assert perform_in_status(cib, request_, AROUND) is None and compact(cib) == compact(before)
