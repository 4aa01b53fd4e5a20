"""Nodes and resources as lines of text."""

from __future__ import annotations

from lxml import etree

from hashell.client.view.outline import Outline
from hashell.client.view.status import write_status
from hashell.model.dates import from_epoch
from hashell.model.outcomes import exit_words
from hashell.stack.pengine import new_working_set
from hashell.stack.pengine.unpack import unpack_cluster

KEY = "1:1:{}:00000000-0000-0000-0000-000000000000"


def ran(rsc: str, task: str = "start", rc: int = 0, expected: int = 0, status: int = 0) -> str:
    key = KEY.format(expected)
    return (
        f'<lrm_resource id="{rsc}" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="{rsc}_last_0" '
        f'operation_key="{rsc}_{task}_0" operation="{task}" interval="0" rc-code="{rc}" call-id="1" '
        f'op-status="{status}" transition-key="{key}" transition-magic="{status}:{rc};{key}"/></lrm_resource>'
    )


def state(number: int, *resources: str, attributes: str = "", **more: str) -> str:
    given = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member", **more}
    text = "".join(f' {name}="{value}"' for name, value in given.items())
    pairs = "".join(f'<nvpair id="x{i}" name="{n}" value="true"/>' for i, n in enumerate(attributes.split()))
    return (
        f'<node_state id="{number}" uname="n{number}"{text}><transient_attributes id="{number}"><instance_attributes '
        f'id="t{number}">{pairs}</instance_attributes></transient_attributes><lrm id="{number}"><lrm_resources>'
        f'{"".join(resources)}</lrm_resources></lrm></node_state>'
    )


def shown(resources: str, *states: str, pending: bool = False, nodes: int = 3) -> list[str]:
    members = "".join(f'<node id="{i}" uname="n{i}"/>' for i in range(1, nodes + 1))
    cib = etree.fromstring(
        '<cib have-quorum="1"><configuration><crm_config><cluster_property_set id="p"><nvpair id="o" '
        f'name="stonith-enabled" value="false"/></cluster_property_set></crm_config><nodes>{members}</nodes><resources>'
        f'{resources}</resources></configuration><status>{"".join(states)}</status></cib>'
    )
    ws = new_working_set(cib, now=from_epoch(1_700_000_000))
    unpack_cluster(ws)
    out = Outline()
    write_status(ws, out, "Status", pending=pending)
    return out.lines


P = '<primitive id="p" class="ocf" provider="pacemaker" type="Dummy">{}</primitive>'


def meta(name: str, value: str) -> str:
    return f'<meta_attributes id="m-{name}"><nvpair id="v-{name}" name="{name}" value="{value}"/></meta_attributes>'


def test_nodes_in_special_states_have_lines_of_their_own() -> None:
    lines = shown("", state(1, attributes="standby"), state(2, attributes="maintenance"), state(3))
    assert lines[2:5] == ["    * Node n1: standby", "    * Node n2: maintenance", "    * Online: [ n3 ]"]
    assert lines[-1] == "    * No resources"
    lines = shown("", state(1, crmd="offline"), state(2), state(3, ran("p"), attributes="standby"))
    assert lines[2:5] == [
        "    * Node n1: UNCLEAN (offline)", "    * Node n3: standby (with active resources)", "    * Online: [ n2 ]",
    ]  # fmt: skip


def test_primitives_tell_state_place_and_flags() -> None:
    def line(inside: str, *states: str, pending: bool = False) -> str:
        return shown(P.format(inside), *states, pending=pending)[-1].strip(" *")

    assert line("", state(1, ran("p"))) == "p\t(ocf:pacemaker:Dummy):\t Started n1"
    assert line(meta("is-managed", "false"), state(1, ran("p"))).endswith("Started n1 (unmanaged)")
    assert line(meta("target-role", "Stopped")).endswith("Stopped (disabled)")
    assert line("", state(1, ran("p", rc=1))).endswith("FAILED n1")
    assert line("", state(1, ran("p", "stop", rc=1))).endswith("FAILED n1 (blocked)")
    assert line("", state(1, ran("p")), state(2, ran("p"))).endswith("Started [ n1 n2 ]")
    assert line("", state(1, ran("p", "monitor", rc=5, expected=7))).endswith("Stopped (Not installed) ".strip())
    starting = state(1, ran("p", rc=193, status=-1))
    assert line("", starting, pending=True).endswith("Starting n1")
    assert line("", starting).endswith("Started n1")


def test_clones_are_summed_up() -> None:
    clone = f'<clone id="c">{P.format("")}</clone>'
    lines = shown(clone, state(1, ran("p")), state(2, ran("p")), state(3))
    assert lines[-3:] == ["    * Clone Set: c [p]:", "      * Started: [ n1 n2 ]", "      * Stopped: [ n3 ]"]
    lines = shown(clone, state(1, ran("p", rc=1)), state(2, ran("p")), state(3))
    assert lines[-3:] == [
        "      * p\t(ocf:pacemaker:Dummy):\t FAILED n1", "      * Started: [ n2 ]", "      * Stopped: [ n3 ]",
    ]  # fmt: skip
    promotable = f'<clone id="c">{meta("promotable", "true")}{P.format("")}</clone>'
    lines = shown(promotable, state(1, ran("p", "promote")), state(2, ran("p")), state(3))
    assert lines[-4:] == [
        "    * Clone Set: c [p] (promotable):", "      * Promoted: [ n1 ]", "      * Unpromoted: [ n2 ]",
        "      * Stopped: [ n3 ]",
    ]  # fmt: skip


def test_orphans_are_shown_only_while_active() -> None:
    assert any("ORPHANED Started n1" in line for line in shown("", state(1, ran("gone"))))
    assert shown("", state(1, ran("gone", "stop")))[-1] == "    * No resources"


def test_exit_texts() -> None:
    assert [exit_words(code) for code in (5, 191, 137, 99)] == [
        "Not installed", "Service is promoted but might fail soon", "Interrupted by signal", "Unknown exit status",
    ]  # fmt: skip
