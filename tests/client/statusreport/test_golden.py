"""Status reports beside what crm_mon 3.0.0 printed for the same CIBs and options (recorded, TZ=UTC)."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashell.client.statusreport import status_report
from hashell.client.statusreport.gather import facts_of
from hashell.client.statusreport.options import add_options, display_of
from hashell.model.xmltext import parse

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = dict(line.split(" ", 1) for line in (GOLDEN / "options.txt").read_text().splitlines())
CASES = sorted(path.stem for path in GOLDEN.glob("*.xml"))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def comparable(text: str) -> list[str]:
    """Without the moment of the look and the command line."""
    text = re.sub(r"(Last updated: (?:</span><span>)?)[^<\n]*", r"\1", text)
    text = re.sub(r"<last_update [^>]*>", "<last_update/>", text)
    return re.sub(r'request="[^"]*"', 'request=""', text).splitlines()


@pytest.mark.parametrize("case", CASES)
def test_reports_are_those_of_the_original(case: str) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output-as", default="text")
    add_options(parser.add_argument_group())
    cib = parse((GOLDEN / f"{case}.xml").read_bytes())
    for name, words in OPTIONS.items():
        options = parser.parse_args(words.split())
        facts = facts_of(cib, display_of(options, options.output_as), int(time.time()))
        report = status_report(facts, options.output_as)
        assert comparable(report) == comparable((GOLDEN / f"{case}.{name}.txt").read_text()), (case, words)
