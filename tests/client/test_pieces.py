"""The pieces of a change, carried out one after the other, make the same of a configuration as the change itself."""

from __future__ import annotations

import random

import pytest
from lxml import etree

from hashell.client.pieces import Piece, partly_seen, pieces
from hashell.model.document import CallOption
from hashell.model.document_apply import CibRequest, Surroundings, perform
from hashell.model.xmltext import compact, parse
from tests.model.randomcib import BASE, mutate
from tests.tui.clusters import cluster

ANY = BASE.replace("pacemaker-4.0", "none")


def carried_out(cib: etree._Element, parts: list[Piece]) -> etree._Element:
    for part in parts:
        request = CibRequest(part.op, part.section, part.options, part.data, user="root")
        outcome = perform(cib, request, Surroundings())
        assert outcome.rc == 0, (part, outcome.rc)
        cib = outcome.document
    return cib


def configuration(cib: etree._Element) -> etree._Element:
    found = cib.find("configuration")
    assert found is not None
    return found


def sorted_text(element: etree._Element) -> str:
    """The element with its children in an order of their own: merging puts what is new last."""
    return str(_tree(element))


def _tree(element: etree._Element) -> tuple:
    children = (_tree(child) for child in element.iterchildren(etree.Element))
    return str(element.tag), tuple(sorted(element.attrib.items())), tuple(sorted(children))


@pytest.mark.parametrize("change", [
    lambda c: c.find(".//primitive[@id='db']").set("description", "x"),
    lambda c: c.find(".//group").append(parse("<primitive id='new' class='ocf' provider='pacemaker' type='Dummy'/>")),
    lambda c: c.find(".//primitive[@id='db']").remove(c.find(".//primitive[@id='db']/operations")),
    lambda c: c.find(".//op[@id='db-m']").attrib.pop("timeout"),
    lambda c: c.find(".//group").insert(0, c.find(".//primitive[@id='www']")),
    lambda c: c.find(".//constraints").remove(c.find(".//rsc_order")),
    lambda c: c.find(".//nvpair[@name='cluster-name']").set("value", "other"),
], ids=["attribute", "child", "no operations", "attribute gone", "order", "constraint gone", "property"])  # fmt: skip
def test_one_change_is_one_command_for_its_object(change) -> None:
    old, new = cluster(), cluster()
    change(new)
    parts = pieces(configuration(old), configuration(new))
    assert len(parts) == 1
    assert sorted_text(configuration(carried_out(old, parts))) == sorted_text(configuration(new))


def test_the_order_of_members_is_kept() -> None:
    old, new = cluster(), cluster()
    group = new.find(".//group")
    group.insert(0, group[-1])
    made = carried_out(old, pieces(configuration(old), configuration(new)))
    assert [e.get("id") for e in made.find(".//group").iterchildren("primitive")] == ["www", "ip"]


def test_nothing_but_what_differs_is_named() -> None:
    old, new = cluster(), cluster()
    new.find(".//op[@id='db-m']").set("interval", "7s")
    (part,) = pieces(configuration(old), configuration(new))
    assert compact(part.data) == (
        '<configuration><resources><primitive id="db"><operations><op id="db-m" interval="7s"/></operations>'
        "</primitive></resources></configuration>"
    )
    assert part.options == CallOption.CAN_CREATE
    assert pieces(configuration(old), configuration(old)) == []


@pytest.mark.parametrize("seed", range(60))
def test_random_changes(seed: int) -> None:
    chance = random.Random(seed)
    old, new = parse(ANY), parse(ANY)
    mutate(chance, configuration(new), chance.randrange(1, 8))
    made = carried_out(old, pieces(configuration(old), configuration(new)))
    assert sorted_text(configuration(made)) == sorted_text(configuration(new))


def test_whose_root_is_hidden_is_seen_in_part() -> None:
    assert not partly_seen(cluster())
    assert partly_seen(parse("<cib><configuration/></cib>"))
