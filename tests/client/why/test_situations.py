"""Explanations of situations that administrators meet, held against `golden.txt`.

The file has the words of the real `crm_resource --why` for the same CIB below ours: it says whether the resource runs,
and of all these situations names a cause in three (target-role, also of a group, and unmanaged). Ours names the cause
with its CIB id in each.
"""

from __future__ import annotations

import json

import pytest

from hashell.client.why.answer import Cause
from hashell.client.why.case import Case
from hashell.client.why.explain import explain_resource
from hashell.model.dates import from_epoch
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import parse
from hashell.shell.levels.root import root_level
from tests.client.why.golden import explained, read_golden
from tests.client.why.situations import Situation, situations
from tests.stack.pengine.cibs import NOW, cib, primitive

SITUATIONS = {situation.name: situation for situation in situations()}


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_explanation(situation: Situation) -> None:
    ours, _ = read_golden()[situation.name]
    assert explained(situation) == ours


def causes_of(situation: Situation) -> list[Cause]:
    case = Case(parse(situation.xml), from_epoch(NOW, 0))
    name, _, node = situation.ask.partition("@")
    waiting = [cause for answer in explain_resource(case, name, node).answers for cause in answer.causes]
    found = []
    while waiting:
        cause = waiting.pop()
        found.append(cause)
        waiting += cause.because
    return found


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_every_id_is_one_of_the_cib(situation: Situation) -> None:
    ids = {element.get("id") for element in parse(situation.xml).iter("*")}
    assert {cause.id for cause in causes_of(situation) if cause.id} <= ids


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_every_remedy_is_a_command(situation: Situation) -> None:
    root = root_level()
    for cause in causes_of(situation):
        words = cause.remedy.split()
        if not words:
            continue
        level = root
        for below in root.levels:
            if below.name == words[0]:
                level, words = below, words[1:]
                break
        command = level.command(words[0])
        assert command is not None, cause.remedy
        most = command.most()
        assert len(words) - 1 >= command.least(), cause.remedy
        assert most is None or len(words) - 1 <= most, cause.remedy


#: What a remedy does to the CIB, by situation: (element id, attribute, new value); None deletes the element.
LIFTED = {
    "ban": ("ban-web", None, None),
    "rule-ban": ("not-small", None, None),
    "target-role": ("web-m-target_role", "value", "Started"),
    "group-target-role": ("g-m-target_role", "value", "Started"),
    "colocation-stopped": ("db-m-target_role", "value", "Started"),
    "ordering-stopped": ("db-m-target_role", "value", "Started"),
    "anti-colocation": ("apart", None, None),
    "health": ("t1-instance_attributes-#health-disk", None, None),
    "standby": ("nodes-1-standby", None, None),
    "threshold": ("t1-instance_attributes-fail-count-web#monitor_0", None, None),
    "clone-max": ("cl-m-clone_max", "value", "2"),
    "maintenance-mode": ("o-maintenance-mode", None, None),
    "stop-all": ("o-stop-all-resources", None, None),
}


@pytest.mark.parametrize("name", LIFTED)
def test_what_is_named_is_the_cause(name: str) -> None:
    """With the named element lifted, the engine decides otherwise and the cause is gone."""
    id, attribute, value = LIFTED[name]
    situation = SITUATIONS[name]
    before = [cause.id for cause in causes_of(situation)]
    assert id in before
    tree = parse(situation.xml)
    element = next(each for each in tree.iter("*") if each.get("id") == id)
    parent = element.getparent()
    assert parent is not None
    if attribute is None:
        parent.remove(element)
    else:
        element.set(attribute, str(value))
    from lxml import etree

    lifted = Situation(name, etree.tostring(tree, encoding="unicode"), situation.ask)
    assert id not in [cause.id for cause in causes_of(lifted)]
    assert explained(lifted)[0] != explained(situation)[0]


def test_json_has_the_same_causes() -> None:
    data = json.loads("\n".join(explained(SITUATIONS["colocation-stopped"], "json")))
    cause = data["answers"][0]["causes"][0]
    assert (data["resource"], cause["kind"], cause["id"]) == ("web", "colocation", "web-with-db")
    assert cause["because"][0]["remedy"] == "resource start db"


def test_xml_has_the_same_causes() -> None:
    root = parse("\n".join(explained(SITUATIONS["colocation-stopped"], "xml")))
    assert root.tag == "explanation" and root.get("resource") == "web"
    cause = root.find("answers/answer/causes/cause")
    assert cause is not None and (cause.get("kind"), cause.get("id")) == ("colocation", "web-with-db")
    assert root.xpath("answers/answer/causes/cause/because/cause/@remedy") == ["resource start db"]


@pytest.mark.parametrize(("ask", "said"), [("wob", "there is no resource 'wob'"), ("web@n9", "there is no node 'n9'")])
def test_unknown_names(ask: str, said: str) -> None:
    with pytest.raises(HashellError) as caught:
        explained(Situation("unknown", cib(primitive("web")), ask))
    assert said in str(caught.value.diagnostics[0])
