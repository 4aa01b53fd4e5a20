"""The ledger of one run: what changed a score, banned, blocked or ordered something, each with its cause.

A working set carries a `Ledger` only when somebody is going to ask (`keep_ledger`); otherwise `ws.ledger` is None and
each place that decides pays one look at that attribute. Nothing in the engine reads the ledger: it cannot change
a decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.ledger.book import Entry, Ledger, Loss
from hashell.stack.pengine.ledger.kinds import Kind

if TYPE_CHECKING:
    from hashell.stack.pengine.state import WorkingSet

__all__ = ["Entry", "Kind", "Ledger", "Loss", "keep_ledger"]


def keep_ledger(ws: WorkingSet) -> Ledger:
    """Have the run of this working set recorded; to be called before it is unpacked."""
    ledger = ws.ledger = Ledger()
    return ledger
