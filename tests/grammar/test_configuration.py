"""The working copy: ids, containers, side effects, and show -> load -> show as a fixed point."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.grammar.apply import Mode, apply_statements
from hashell.grammar.configuration import Configuration
from hashell.grammar.edit import Editor
from hashell.grammar.ids import IdStore
from hashell.grammar.parser import CrmParser
from hashell.grammar.selection import select
from hashell.model.diagnostics import HashellError

PARSER = CrmParser()
VECTORS = Path(__file__).resolve().parents[3] / "shared" / "spec" / "crm-vectors"
EMPTY = """<cib validate-with="pacemaker-4.0"><configuration><crm_config/><nodes><node id="1" uname="node1"/></nodes>
<resources/><constraints/></configuration><status/></cib>"""


def config(text: str = "", mode: Mode = Mode.UPDATE) -> Configuration:
    made = Configuration(etree.fromstring(EMPTY, etree.XMLParser(remove_blank_text=True)), parser=PARSER)
    return load(made, text, mode)


def load(made: Configuration, text: str, mode: Mode = Mode.UPDATE) -> Configuration:
    apply_statements(made, PARSER.parse_text(text).check(), mode)
    return made


def reloaded(text: str) -> str:
    made = config()
    Editor(made).erase()
    return load(made, text).show(reveal=True)


def test_ids_follow_the_specification() -> None:
    made = config("primitive p Dummy params a=1 params b=2 op monitor interval=10s "
                  "op monitor interval=10s role=Promoted")
    ids = [e.get("id") for e in made.get("p").iter() if e.get("id")]
    assert ids == ["p", "p-instance_attributes", "p-instance_attributes-a", "p-instance_attributes-0",
                   "p-instance_attributes-0-b", "p-monitor-10s", "p-monitor-10s-0"]


def test_update_keeps_ids_of_matching_elements() -> None:
    made = load(config("primitive p Dummy params $id=mine a=1"), "primitive p Dummy params a=2 c=3")
    assert [e.get("id") for e in made.get("p").iter("instance_attributes")] == ["mine"]


def test_id_store_counts_up() -> None:
    store = IdStore(["x", "x-0"])
    assert store.new("x") == "x-1"
    assert store.new("a#b") == "a.b"


def test_members_return_when_a_group_loses_them() -> None:
    made = load(config("primitive a Dummy\nprimitive b Dummy\ngroup g a b"), "group g a")
    assert [e.get("id") for e in made.section("resources")] == ["g", "b"]


def test_failure_changes_nothing() -> None:
    made = config("primitive a Dummy")
    before = etree.tostring(made.root)
    with pytest.raises(HashellError):
        load(made, "primitive b Dummy\ngroup g b nosuch")
    assert etree.tostring(made.root) == before


def test_new_container_takes_constraints_over() -> None:
    made = load(config("primitive a Dummy\nprimitive z Dummy\norder o a z\ncolocation c inf: a z"), "group g a z")
    assert made.find("o") is None and made.find("c") is None
    made = load(config("primitive a Dummy\nlocation l a 5: node1"), "clone k a")
    assert made.get("l").get("rsc") == "k"


def test_delete_takes_what_would_hang() -> None:
    made = config("primitive a Dummy\nprimitive b Dummy\nprimitive c Dummy\norder o a b c\n"
                  "location l a 1: node1\ntag t a")
    editor = Editor(made)
    editor.delete(["a"])
    assert made.find("l") is None and made.find("t") is None
    assert (made.get("o").get("first"), made.get("o").get("then")) == ("b", "c")
    assert len(editor.notes) == 3


def test_rename_follows_every_reference() -> None:
    made = config("primitive a stonith:x\nprimitive b Dummy\norder o a b\ntag t a b\nfencing_topology node1: a\n"
                  "rsc_template q Dummy\nprimitive u @q")
    Editor(made).rename("a", "n")
    Editor(made).rename("q", "r")
    assert made.get("o").get("first") == "n"
    assert 'tag t n b' in made.show() and "fencing_topology n" in made.show() and "primitive u @r" in made.show()


def test_references_to_nothing_are_refused() -> None:
    with pytest.raises(HashellError, match="reference not found: nosuch"):
        config("primitive a Dummy params $id-ref=nosuch")


def test_unknown_xml_is_kept_and_shown() -> None:
    made = config('primitive p Dummy\nxml <rsc_location id="l" rsc="p"><rule id="r" score="1" boolean-op="or">'
                  '<rule id="q" boolean-op="and" score="0"><expression id="e" attribute="a" operation="defined"/>'
                  "</rule>"
                  '<expression id="f" attribute="b" operation="defined"/></rule></rsc_location>')
    assert 'xml <rsc_location id="l" rsc="p"> \\\n  <rule id="r"' in made.show()
    assert reloaded(made.show()) == made.show()


def test_comments_survive_even_with_dashes() -> None:
    made = config("# use --force, or -\n# twice\nprimitive a Dummy")
    assert made.show().splitlines()[1:3] == ["# use --force, or -", "# twice"]
    assert reloaded(made.show()) == "\n".join(made.show().splitlines())


def test_selection_words() -> None:
    made = config("primitive a Dummy\nprimitive b Dummy\ngroup g a\nlocation l g 1: node1\ntag t a l")

    def names(*specs: str) -> list[str | None]:
        return [e.get("id") for e in select(made, list(specs)) or []]

    assert names("type:primitive") == ["b", "a"]
    assert names("tag:t") == ["a", "l"]
    assert names("related:a") == ["a", "g", "t"]
    assert names("type:primitive", "and", "b") == ["b"]
    assert sorted(map(str, names("?"))) == ["a", "b", "g", "l", "t"]
    with pytest.raises(HashellError, match="did you mean"):
        names("aa")


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the language vectors are not beside this checkout")
def test_show_is_a_fixed_point_for_every_recorded_cib() -> None:
    checked = 0
    for case in sorted(VECTORS.glob("*-*")):
        made = Configuration(etree.parse(case / "cib.xml", etree.XMLParser(remove_blank_text=True)).getroot(),
                             parser=PARSER)
        if made.schema != "pacemaker-4.0" or b"id-ref" in etree.tostring(made.root):
            continue
        shown = made.show(reveal=True)
        again = Configuration(made.root, parser=PARSER)
        Editor(again).erase()
        load(again, shown)
        assert again.show(reveal=True) == shown, case.name
        checked += 1
    assert checked > 300


NAMES = st.sampled_from(["a", "b", "c", "d"])
LETTERS = st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs"), blacklist_characters="\\")
VALUES = st.text(LETTERS, max_size=8)
PAIRS = st.dictionaries(st.sampled_from(["p1", "p2", "x-y"]), VALUES, max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, PAIRS, min_size=1), st.lists(st.tuples(NAMES, NAMES), max_size=3), PAIRS)
def test_text_survives_a_round_trip(params: dict[str, dict[str, str]], pairs: list[tuple[str, str]],
                                    meta: dict[str, str]) -> None:
    from hashell.grammar.quoting import name_value

    lines = [" ".join([f"primitive {n} Dummy", *(["params"] if v else []), *(name_value(k, x) for k, x in v.items())])
             for n, v in params.items()]
    lines += [f"order o{i} Mandatory: {a} {b}" for i, (a, b) in enumerate(pairs)
              if a in params and b in params and a != b]
    if meta:
        lines.append(" ".join(["rsc_defaults", *(name_value(k, v) for k, v in meta.items())]))
    made = config("\n".join(lines))
    assert reloaded(made.show(reveal=True)) == made.show(reveal=True)
    for name, values in params.items():
        found = {p.get("name"): p.get("value") for p in made.get(name).iter("nvpair")}
        assert found == values


def test_a_comment_before_levels_for_every_node_is_kept() -> None:
    from hashell.grammar.apply import Mode, apply_statements
    from hashell.grammar.parser import CrmParser

    config = Configuration(etree.fromstring(
        '<cib validate-with="pacemaker-4.0"><configuration><crm_config/><nodes><node id="1" uname="n1"/></nodes>'
        "<resources/><constraints/></configuration></cib>"))
    apply_statements(config, CrmParser().parse_text("# how to fence\nfencing_topology f1\n").check(), Mode.UPDATE)
    assert "# how to fence\nfencing_topology f1" in config.show()


def test_defaults_of_an_agent_stay_in_their_section() -> None:
    """A rule about agents may stand in both sections of defaults: which one is said where the text does not tell."""
    made = config("primitive p Dummy")
    section = etree.SubElement(made.configuration, "op_defaults")
    section.append(etree.fromstring(
        '<meta_attributes id="d"><rule id="r" score="INFINITY"><rsc_expression id="e" class="ocf"/></rule>'
        '<nvpair id="n" name="timeout" value="6s"/></meta_attributes>'))  # fmt: skip
    text = made.show()
    assert "xml <op_defaults>" in text
    again = config(text)
    assert again.show() == text
    assert again.root.xpath("configuration/op_defaults/meta_attributes/@id") == ["d"]
    assert not again.root.xpath("configuration/rsc_defaults")


def test_a_comment_with_characters_that_xml_cannot_carry() -> None:
    made = config("# a\x01b\nprimitive p Dummy")
    assert "# ab\n" in made.show()
