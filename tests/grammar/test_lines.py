"""Words and their places: quoting, continuation, comments."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.grammar.diagnostics import OpenQuote
from hashell.grammar.lines import logical_lines, quote_word, split_words, words_as_line
from hashell.model.diagnostics import HashellError


def words(text: str) -> list[str]:
    return [w.text for line in logical_lines(text) for w in split_words(line)]


def test_continuation_joins_stripped_lines_without_a_blank() -> None:
    assert words("primitive p \\\n    Du\\\n  mmy") == ["primitive", "p", "Dummy"]


def test_file_ending_in_backslash_yields_its_line() -> None:
    assert words("group g a \\") == ["group", "g", "a"]


def test_comments_belong_to_the_next_statement() -> None:
    first, second = logical_lines("# one\n  # two\nnode a\n\nnode b\n# lost")
    assert first.comments == ["# one", "# two"]
    assert second.comments == []


def test_place_points_at_the_physical_line() -> None:
    line = logical_lines("\n\nprimitive p \\\n   Dummy bad", "x.crm")[0]
    bad = split_words(line)[-1]
    assert (bad.place.line, bad.place.column, bad.source) == (4, 10, "   Dummy bad")


@pytest.mark.parametrize(("text", "expected"), [
    ("a='b c'd", ["a=b cd"]), ('"a\\"b\\\\c\\d"', ['a"b\\c\\d']), ("a\\ b", ["a b"]), ('x=""', ["x="]),
])
def test_quotes(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_open_quote_is_placed() -> None:
    with pytest.raises(HashellError) as caught:
        words("node a b='c")
    fault = caught.value.diagnostics[0]
    assert isinstance(fault, OpenQuote) and fault.place is not None and fault.place.column == 10


TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=0, max_size=20)


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_quoted_words_come_back(given_words: list[str]) -> None:
    assert [w.text for w in split_words(words_as_line(given_words))] == given_words


@given(st.text("ab =\"'\\ #$", max_size=12).filter(lambda t: t.strip() == t and t))
def test_splitting_agrees_with_the_shell(text: str) -> None:
    try:
        expected = shlex.split(text)
    except ValueError:
        return
    assert [w.text for w in split_words(words_as_line([]).__class__(text, [(1, 1)] * len(text)))] == expected


def test_quote_word_leaves_simple_words_alone() -> None:
    assert quote_word("params") == "params"
