"""The reader of the plainest statements: what it reads, the grammar reads alike; the rest it leaves alone."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.grammar import plain
from hashell.grammar.configuration import Configuration
from hashell.grammar.lines import LogicalLine, logical_lines, split_words
from hashell.grammar.parser import CrmParser
from hashell.grammar.tree import KEYWORDS
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import parse

REPO = Path(__file__).resolve().parents[2]
SHARED = REPO.parent / "shared"
PLAIN = """\
primitive a Dummy
primitive b ocf:pacemaker:Dummy fake=1 params op_sleep="a b" meta priority=1 is-managed=false
primitive c systemd:cron op monitor interval=10s timeout="20s" OCF_CHECK_LEVEL=10 op start timeout=5s op stop
primitive d @t params x="" utilization cpu=2
primitive e fence_virt op monitor
group g a b meta target-role=Stopped
clone c1 a meta interleave=true promotable=true
property stonith-enabled=false
property ID-1: a=b c="d e"
rsc_defaults resource-stickiness=1
op_defaults op-options: timeout=20s
node node1
node 1: node1
"""
LEFT = """\
primitive a
primitive a Dummy params
primitive a Dummy params rule #uname eq node1 x=1
primitive a Dummy params $id=s x=1
primitive a Dummy params @ref
primitive a Dummy description="x y" params x=1
primitive a Dummy op monitor interval=10s X=1 timeout=5s
primitive a Dummy op params x=1
primitive a Dummy operations $id=o op monitor interval=10s
primitive a Dummy stray
primitive 9 Dummy
group g a a
clone c a b
group g
property rule date spec hours=1 x=1
property
node node1 attributes a=b
node 1: node1:remote
location l a inf: node1
"""


PARSER = CrmParser()


def grammar(keyword: str, words: list, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patch:
        patch.setattr("hashell.grammar.parser.read", lambda keyword, words: None)
        return PARSER._run(keyword, words)


def pieces(text: str) -> list[tuple[str, list]]:
    found = []
    for line in logical_lines(text):
        try:
            words = split_words(line)
        except HashellError:
            continue
        if words and words[0].text.lower() in KEYWORDS:
            found.append((KEYWORDS[words[0].text.lower()], words))
    return found


@pytest.mark.parametrize("line", PLAIN.splitlines())
def test_plain_statements_are_read_as_by_the_grammar(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (keyword, words), = pieces(line)
    assert plain.read(keyword, [w.text for w in words[1:]]) == grammar(keyword, words, monkeypatch)


@pytest.mark.parametrize("line", LEFT.splitlines())
def test_everything_else_is_left_to_the_grammar(line: str) -> None:
    (keyword, words), = pieces(line)
    assert plain.read(keyword, [w.text for w in words[1:]]) is None


def test_every_statement_of_the_vectors_and_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [*sorted((REPO / "examples").glob("*.crm")), *sorted(SHARED.glob("spec/crm-vectors/*/input.crm*"))[::3]]
    read = 0
    for path in files:
        for keyword, words in pieces(path.read_text(errors="replace")):
            found = plain.read(keyword, [w.text for w in words[1:]])
            if found is not None:
                assert found == grammar(keyword, words, monkeypatch), path
                read += 1
    assert read > 5


WORDS = st.sampled_from([
    "a", "b", "Dummy", "ocf:x:y", "@t", "params", "meta", "op", "monitor", "start", "a=1", "b=", "x=y=z",
    "interval=10s", "timeout=5s", "rule", "$id=q", "@r", "description=d", "inf:", "id:", "é=1", "#a=1",
    "operations", "utilization", "OP", "Params", "a b=c", "", "role=Started", "1:", "n:remote"])


@given(st.sampled_from(["primitive", "group", "clone", "property", "node", "op_defaults"]), st.lists(WORDS, max_size=9))
def test_any_words(keyword: str, texts: list[str]) -> None:
    from hashell.grammar.lines import words_as_line

    found = plain.read(keyword, texts)
    if found is None:
        return
    patch = pytest.MonkeyPatch()
    assert found == grammar(keyword, split_words(words_as_line([keyword, *texts])), patch)


def test_what_it_says_to_be_plain_survives_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object of the scheduler's cases and of the vectors that counts as plain is the same after reading."""
    paths = sorted(SHARED.glob("spec/crm-vectors/*/cib.xml"))[::9]
    paths += sorted(SHARED.glob("scheduler-cases/xml/*.xml"))[::40]
    if not paths:
        pytest.skip("the shared vectors are not here")
    plain_ones = 0
    for path in paths:
        config = Configuration(parse(path.read_bytes()), parser=PARSER)
        style = config.style()
        for element in config.objects():
            bare = config.normalised(element)
            if style.referenced or not plain.says_all(bare):
                continue
            plain_ones += 1
            with monkeypatch.context() as patch:
                patch.setattr("hashell.grammar.configuration.says_all", lambda element: False)
                assert config._faithful(element, bare, _keyword(element), style), etree.tostring(element)
    assert plain_ones > 100


def _keyword(element: etree._Element) -> str:
    from hashell.grammar.tree import keyword_of

    return keyword_of(element)


@pytest.mark.parametrize("change", [
    lambda e: e.set("description", "x"), lambda e: e.find("instance_attributes")[0].set("value", "a\\b"),
    lambda e: e.find("instance_attributes")[0].set("value", "a\nb"), lambda e: e.set("type", "a b"),
    lambda e: e.find("instance_attributes").append(etree.Comment("x")),
    lambda e: e.find("instance_attributes").append(copy.deepcopy(e.find("instance_attributes")[0])),
    lambda e: e.find("operations/op").set("interval-origin", "é"),
])
def test_what_is_not_plain(change: object) -> None:
    element = etree.fromstring(
        '<primitive id="a" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="i"><nvpair id="n" '
        'name="x" value="1"/></instance_attributes><operations><op id="o" name="monitor" interval="10s"/></operations>'
        "</primitive>")
    assert plain.says_all(element)
    change(element)  # type: ignore[operator]
    assert not plain.says_all(element)


@given(st.text(alphabet="ab '\"\\=\t#é\x1f", max_size=24))
def test_words_are_split_alike_with_and_without_quotes(text: str) -> None:
    """The quick way for words without quotes and the long way agree."""
    line = LogicalLine(text, [(1, i + 1) for i in range(len(text))])
    try:
        quick = [(w.text, w.offset, w.width) for w in split_words(line)]
    except HashellError:
        return
    if text.endswith("\\"):
        return
    longer = LogicalLine(text + " ''", [(1, i + 1) for i in range(len(text) + 3)])
    assert quick == [(w.text, w.offset, w.width) for w in split_words(longer)][:-1]
