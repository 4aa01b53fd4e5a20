"""Formatting and checking of text that is broken in every way: no traceback, nothing lost, a fixed point."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hashell.grammar.filecheck import check_text
from hashell.grammar.formatter import format_text
from hashell.grammar.parser import CrmParser

PIECES = ("primitive a Dummy", " params x=1", ' y="a b"', " op monitor interval=10s", " meta p=1", " \\\n", "\n",
          "# note\n", "group g a", "location l a", " 10: node1", " rule 5: #uname eq n", "property", " a=b", '"', "'",
          " { b }", "xml <x", "role r read xpath:/a", " description=d", "order o a b", "\n\n\n",
          "bundle b docker image=i")
PARSER = CrmParser()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text_is_formatted_without_loss_and_checked(text: str) -> None:
    once = format_text(text, PARSER)
    assert format_text(once, PARSER) == once
    before, after = PARSER.parse_text(text), PARSER.parse_text(once)
    assert [(s.keyword, s.id, s.comments) for s in before.statements] == [
        (s.keyword, s.id, s.comments) for s in after.statements]
    for finding in check_text(text, "f.crm"):
        assert str(finding) and finding.as_json()["code"].startswith("H")
