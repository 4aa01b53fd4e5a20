"""The schema rules and the semantic check: what holds a commit up and what does not."""

from __future__ import annotations

import pytest
from lxml import etree

from hashell.grammar.agents import Action, AgentInfo, Parameter
from hashell.grammar.apply import Mode, apply_statements
from hashell.grammar.check import check
from hashell.grammar.configuration import Configuration
from hashell.grammar.parser import CrmParser
from hashell.grammar.schema_rules import schema_faults

PARSER = CrmParser()
CIB = """<cib validate-with="{schema}"><configuration><crm_config><cluster_property_set id="cib-bootstrap-options">
<nvpair id="s" name="stonith-enabled" value="false"/></cluster_property_set></crm_config><nodes>
<node id="1" uname="node1"/></nodes><resources/><constraints/></configuration><status/></cib>"""


class Agents:
    """One agent: ocf:test:Thing with a required and a unique parameter; `logs_in`: a second one, once named login."""

    def __init__(self, logs_in: bool = False) -> None:
        self.logs_in = logs_in

    def providers(self, agent: str) -> list[str]:
        return ["test"] if agent == "Thing" else []

    def info(self, standard: str, provider: str, agent: str) -> AgentInfo | None:
        if agent != "Thing":
            return None
        parameters = {"ip": Parameter("ip", True, True), "nic_name": Parameter("nic_name"),
                      "user": Parameter("user", True, former="login") if self.logs_in else Parameter("user"),
                      "login": Parameter("login")}
        return AgentInfo(parameters, (Action("start", "20s"), Action("monitor", "20s", "10s")))


def findings(text: str, schema: str = "pacemaker-4.0", agents: Agents | None = None) -> list[str]:
    config = Configuration(etree.fromstring(CIB.format(schema=schema)), agents or Agents(), PARSER)
    apply_statements(config, PARSER.parse_text(text).check(), Mode.UPDATE)
    return [str(d) for d in (*schema_faults(config), *check(config, config.objects()))]


def test_clean_configuration_has_no_findings() -> None:
    assert findings("primitive p Thing params ip=1 nic-name=x op monitor interval=10s timeout=20s\n"
                    "location l p 10: node1\nrsc_defaults resource-stickiness=1") == []


@pytest.mark.parametrize(("text", "message"), [
    ("primitive p Thing", 'error: p: required parameter "ip" not defined'),
    ("primitive p Thing params ip=1 zz=2", 'error: p: parameter "zz" is not known'),
    ("primitive p Other", "error: p: ocf:heartbeat:Other: no such resource agent"),
    ("primitive p Thing params ip=1 op frob interval=1s", "error: p: action 'frob' is not in the metadata"),
    ("primitive p Thing params ip=1 op start timeout=1s", "warning: p: specified timeout 1s"),
    ("primitive p Thing params ip=1 op monitor timeout=30s", "error: p: the monitor operation has no interval"),
    ("primitive p Thing params ip=1 op monitor interval=1s timeout=20s on-fail=maybe", "on-fail cannot be 'maybe'"),
    ("primitive p Thing params ip=1 meta foo=1", "warning: p: unknown attribute 'foo'"),
    ("primitive p @nosuch", "error: p: nosuch: no such resource template"),
    ("primitive p Thing params ip=1\nlocation l p 1: elsewhere", "warning: l: referenced node elsewhere"),
    ("primitive p Thing params ip=1\nlocation l p role=Master 1: node1", "the role Master is not part of this schema"),
    ("primitive p Thing params ip=1\nlocation l p rule 1: #uname EQ node1", "'EQ' is not a comparison"),
    ("primitive p Thing params ip=1\nprimitive q Thing params ip=1", "Resources p,q violate uniqueness"),
    ("location l /x(/ 1: node1", "not a valid regular expression"),
    ("property stonith-enabled=true", "no fencing device"),
    ("property no-quorum-policy=maybe", "'maybe' is not a value of no-quorum-policy"),
    ("primitive p Thing params ip=1\nms m p", "master resources are not part of this schema"),
    ("primitive p Thing params ip=1\nfencing_topology node1: p", "p not a stonith resource"),
])
def test_finding(text: str, message: str) -> None:
    assert any(message in f for f in findings(text)), findings(text)


@pytest.mark.parametrize(("given", "found"), [("user=u", []), ("login=u", []), ("", ["user"])])
def test_a_former_name_does_for_a_required_parameter(given: str, found: list[str]) -> None:
    told = findings(f"primitive p Thing params ip=1 {given}", agents=Agents(logs_in=True))
    assert [name for name in ("user", "login") if any(f'required parameter "{name}"' in line for line in told)] == found


def test_older_schemas_still_know_the_old_words() -> None:
    assert not any("schema" in f for f in findings("primitive p Thing params ip=1\nms m p", "pacemaker-3.9"))


_PARTS = "".join(f"primitive {name} ocf:test:Thing params ip={name}\n" for name in "abz")


@pytest.mark.parametrize(("text", "found"), [
    ("clone c a\nlocation l a 10: node1", "a, which is inside c"),
    ("group g a b\nclone c g\nlocation l g 10: node1", "g, which is inside c"),
    ("group g a b\nclone c g\ncolocation l inf: z b", "b, which is inside c"),
    ("clone c a\norder o a z", "a, which is inside c"),
    ("clone c a\ntag t a z\nlocation l t 10: node1", "a, which is inside c"),
    ("group g a b\nlocation l a 10: node1", ""), ("clone c a\nlocation l c 10: node1", ""),
])
def test_a_constraint_on_what_is_inside_a_clone_is_an_error(text: str, found: str) -> None:
    """As the original's verification has it: the cluster would ignore the constraint."""
    errors = [said for said in findings(_PARTS + text) if said.startswith("error: ")]
    assert [found in said for said in errors] == ([True] if found else []), errors


def test_what_has_run_inside_a_clone_is_found_by_its_name() -> None:
    text = CIB.format(schema="pacemaker-4.0").replace("<status/>", (
        '<status><node_state id="1"><lrm id="1"><lrm_resources><lrm_resource id="a"><lrm_rsc_op id="a_last_0"/>'
        "</lrm_resource></lrm_resources></lrm></node_state></status>"))  # fmt: skip
    config = Configuration(etree.fromstring(text), Agents(), PARSER)
    apply_statements(config, PARSER.parse_text(f"{_PARTS}clone c a\nlocation l a 10: node1").check(), Mode.UPDATE)
    assert not any(str(d).startswith("error: ") for d in check(config, config.objects()))
