"""A few inputs of the configure language through the real crm and ours; the module itself runs hundreds."""

from __future__ import annotations

import pytest

from tests.lab import peerlab
from tests.lab.fuzz_language import Outcome, differs, run, written_cases
from tests.lab.language_peer import read_cases
from tests.lab.random_language import generate

pytestmark = [pytest.mark.smoke]
#: One of each kind of statement, where ours and the original agree.
SMOKE = "^(prim-op-params-two|group-redefine|loc-date-spec-all|ord-set-brackets-two|ft-attr-two-levels|role-many)$"


def test_the_same_seed_makes_the_same_case() -> None:
    assert generate(7) == generate(7)
    assert generate(7).key != generate(8).key


def test_cases_are_read_with_their_steps() -> None:
    cases = list(read_cases("== a load\nx\n-- typed\ny\n== b !load 3.9\nz\n"))
    assert [(c.name, c.schema, [(s.mode, s.text) for s in c.steps]) for c in cases] == [
        ("a", "4.0", [("load", "x\n"), ("typed", "y\n")]), ("b", "3.9", [("!load", "z\n")])]
    assert cases[1].steps[0].command("f") == "crm -F configure load update f"
    names = [c.name for c in written_cases()]
    assert len(names) == len(set(names)) > 1000


def test_what_counts_as_a_difference() -> None:
    one = Outcome(0, "<cib><configuration/></cib>", "node n\n")
    assert differs(one, one) == ""
    assert differs(one, Outcome(1, one.cib, "")) == "rc"
    assert differs(one, Outcome(0, "<cib/>", one.show)) == "cib"
    assert differs(one, Outcome(0, one.cib, "")) == "show"
    assert differs(Outcome(1, one.cib), Outcome(1, one.cib)) == "silent"


@pytest.mark.skipif(bool(peerlab.missing()), reason=peerlab.missing() or "-")
def test_no_difference() -> None:
    cases = written_cases(SMOKE)
    assert len(cases) == 6
    assert not run(cases, workers=1)
