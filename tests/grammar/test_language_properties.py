"""What holds for every script and every configuration: fixed points, one parser, no crash, nothing lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.grammar.apply import Applier, Mode, apply_statements
from hashell.grammar.configuration import Configuration
from hashell.grammar.edit import Editor
from hashell.grammar.filecheck import check_text
from hashell.grammar.formatter import format_text
from hashell.grammar.lines import logical_lines, split_words
from hashell.grammar.parser import CrmParser
from hashell.model.diagnostics import HashellError
from tests.grammar.language_profile import LANGUAGE
from tests.grammar.random_scripts import Script, broken
from tests.shell.conftest import CIB

CASES = Path(__file__).resolve().parents[3] / "shared" / "scheduler-cases" / "xml"
INPUTS = sorted(CASES.glob("*.xml")) if CASES.is_dir() else []
PARSER = CrmParser()
seeds = st.integers(min_value=0, max_value=2**40)


def configuration(cib: str = CIB) -> Configuration:
    return Configuration(etree.fromstring(cib), parser=PARSER)


def load(config: Configuration, text: str) -> Configuration:
    """`load update`, or HashellError."""
    apply_statements(config, PARSER.parse_text(text, "file").check(), Mode.UPDATE)
    return config


def loadable(seed: int) -> Configuration | None:
    """The configuration a random script makes, None for one with an error."""
    try:
        return load(configuration(), Script(seed).text())
    except HashellError:
        return None


def replaced(config: Configuration, *, saved: bool = False) -> Configuration:
    """The configuration after `load replace` of what it shows, or (saved) of what `save` writes, on an empty one."""
    config.obscure = ()
    text = config.show(reveal=saved)
    again = Configuration(config.root, parser=PARSER)
    Editor(again).erase()
    Editor(again).erase(nodes=True)
    statements = PARSER.parse_text(text, "file").check()
    Applier(again, Mode.UPDATE, None if saved else config.root).apply(statements)
    again.obscure = ()
    return again


def bare(element: etree._Element, ids: bool = True) -> tuple[object, ...]:
    """An element without defaults and counters; the order of objects and of the sets in them does not count."""
    drop = {"validate-with", "epoch", "num_updates", "admin_epoch", "crm_feature_set"}
    attrs = sorted((k, v) for k, v in element.items() if k not in drop and (ids or k != "id"))
    children = [bare(c, ids) for c in element if isinstance(c.tag, str)]
    if element.tag == "resource_set":
        return element.tag, attrs, children
    members = [c for c in children if element.tag == "group" and c[0] == "primitive"]
    return element.tag, attrs, sorted((c for c in children if c not in members), key=repr), members


def contents(config: Configuration) -> list[str]:
    """The objects without ids and without attributes that have their default value."""
    return sorted(repr(bare(config.normalised(e, members=True), ids=False)) for e in config.objects())


@LANGUAGE
@given(seeds)
def test_what_is_shown_is_loaded_as_the_same(seed: int) -> None:
    config = loadable(seed)
    if config is None:
        return
    again = replaced(config)
    assert again.show() == config.show()
    again = replaced(config, saved=True)
    assert again.show(reveal=True) == config.show(reveal=True)


@LANGUAGE
@given(seeds)
def test_most_scripts_load(seed: int) -> None:
    """A tenth may be refused (ids that two statements give); else the other properties would look at nothing."""
    found = [loadable(seed + n) is not None for n in range(10)]
    assert sum(found) >= 5


@pytest.mark.skipif(not INPUTS, reason="the scheduler cases are not beside this checkout")
@LANGUAGE
@given(st.sampled_from(INPUTS or [Path()]))
def test_every_cib_is_a_fixed_point(path: Path) -> None:
    config = Configuration(etree.parse(str(path), etree.XMLParser(remove_blank_text=True)).getroot(), parser=PARSER)
    config.obscure = ()
    again = replaced(config)
    assert again.show() == config.show()
    assert replaced(config, saved=True).show(reveal=True) == config.show(reveal=True)
    assert contents(again) == contents(config)


@LANGUAGE
@given(seeds)
def test_typed_and_loaded_text_make_the_same_errors_and_ids(seed: int) -> None:
    """Each line alone: as a line of a file, as words, and joined from words as from a command line."""
    for raw in broken(seed).splitlines():
        outcomes = []
        for way in (_as_file, _as_words):
            outcomes.append(way(raw))
        assert outcomes[0] == outcomes[1]


def _as_file(raw: str) -> object:
    lines = logical_lines(raw)
    return _told(lambda: PARSER.parse_line(lines[0])) if lines and not _xml(raw) else None


def _as_words(raw: str) -> object:
    lines = logical_lines(raw)
    if not lines or _xml(raw):
        return None
    return _told(lambda: PARSER.parse_words(split_words(lines[0])))


def _xml(raw: str) -> bool:
    return raw.strip()[:3].lower() == "xml"


def _told(parse: Callable[[], object]) -> object:
    try:
        statement = parse()
    except HashellError as error:
        return [(d.code, d.text(), d.place and d.place.column) for d in error.diagnostics]
    return etree.tostring(statement.element)  # type: ignore[attr-defined]


@LANGUAGE
@given(seeds)
def test_broken_scripts_are_told_about_and_never_crash(seed: int) -> None:
    text = broken(seed)
    findings = check_text(text, "file", parser=PARSER)
    for finding in findings:
        assert re.match(r"H\d{3}\Z", finding.code)
        assert finding.text()
    try:
        load(configuration(), text)
    except HashellError as error:
        assert error.diagnostics
    format_text(text, PARSER)


@LANGUAGE
@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    for line in (text, f"primitive p {text}", f"location l p {text}", f"order o {text}", f"role r {text}",
                 f"xml {text}", f"property {text}", f"alert a /x {text}", f"bundle b {text}", f"node {text}"):
        check_text(line, "file", parser=PARSER)
        format_text(line, PARSER)
        try:
            load(configuration(), line)
        except HashellError:
            continue


@LANGUAGE
@given(seeds)
def test_formatting_keeps_the_meaning_and_the_comments(seed: int) -> None:
    text = broken(seed)
    formatted = format_text(text, PARSER)
    assert format_text(formatted, PARSER) == formatted
    one, other = PARSER.parse_text(text), PARSER.parse_text(formatted)
    assert [etree.tostring(s.element) for s in one.statements] == [etree.tostring(s.element) for s in other.statements]
    assert [s.comments for s in one.statements] == [s.comments for s in other.statements]


@LANGUAGE
@given(seeds, st.sampled_from(("new-element", "instance_attributes", "x")), st.booleans())
def test_unknown_xml_is_kept(seed: int, tag: str, inside: bool) -> None:
    config = loadable(seed)
    if config is None or not config.resources():
        return
    target = config.resources()[seed % len(config.resources())]
    strange = etree.SubElement(target, tag, id="strange-1") if inside else target
    strange.set("strange", "kept")
    again = replaced(config)
    assert again.root.xpath("//@strange") == ["kept"]
    assert contents(again) == contents(config)
