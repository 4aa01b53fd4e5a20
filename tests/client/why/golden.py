"""The golden file: for each situation our explanation and, below it, the words of the real tool for the same CIB."""

from __future__ import annotations

from hashell.client.why import explain
from hashell.model.dates import from_epoch
from hashell.model.xmltext import parse
from tests.client.why.situations import GOLDEN, Situation
from tests.stack.pengine.cibs import NOW

PEER = "-- crm_resource --why:"


def explained(situation: Situation, form: str = "text") -> list[str]:
    return explain(parse(situation.xml), situation.ask, form=form, now=from_epoch(NOW, 0))


def read_golden() -> dict[str, tuple[list[str], list[str]]]:
    """Situation -> (our lines, the peer's lines)."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    if not GOLDEN.exists():
        return found
    for part in GOLDEN.read_text(encoding="utf-8").split("== ")[1:]:
        heading, _, rest = part.partition("\n")
        ours, _, theirs = rest.partition(PEER + "\n")
        found[heading.partition(":")[0]] = (ours.splitlines(), theirs.strip().splitlines())
    return found
