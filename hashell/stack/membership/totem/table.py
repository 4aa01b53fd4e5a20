"""The states of the ring protocol and what leads from one to the next, as a table (spec totem.md sections 1.7 to 1.10).

`tests/stack/membership/test_table.py` plays every row against the core; docs/RING.md draws the rows. The number is
the reason that Corosync logs for the same step.
"""

from __future__ import annotations

from dataclasses import dataclass

from hashell.stack.membership.totem.variables import State


@dataclass(frozen=True, slots=True)
class Transition:
    """In `state`, `event` leads to `next`; `reason` is a gather number, or -1; `what` is done on the way."""

    state: State
    event: str
    next: State
    reason: int
    what: str


_O, _G, _C, _R = State.OPERATIONAL, State.GATHER, State.COMMIT, State.RECOVERY

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_O, "token lost", _G, 2, "multicast a join"),
    Transition(_O, "failed to receive", _G, 6, "give ourselves up, go alone"),
    Transition(_O, "message of a foreign ring", _G, 7, "its sender is one to gather with"),
    Transition(_O, "merge detect of a foreign ring", _G, 9, "its sender is one to gather with"),
    Transition(_O, "join with news", _G, 11, "take its nodes over"),
    Transition(_O, "join without news", _G, 12, "answer with our own"),
    Transition(_O, "commit token", _O, -1, "dropped"),
    Transition(_G, "consensus timeout", _G, 0, "give up who is silent"),
    Transition(_G, "token lost", _G, 3, "give up who is silent"),
    Transition(_G, "message of an unknown node", _G, 8, "its sender is one to gather with"),
    Transition(_G, "merge detect of an unknown node", _G, 10, "its sender is one to gather with"),
    Transition(_G, "join with news", _G, 11, "take its nodes over"),
    Transition(_G, "all agree, we are the lowest", _C, -1, "send the commit token round"),
    Transition(_G, "commit token of the agreed nodes", _C, -1, "fill in our entry, pass it on"),
    Transition(_C, "token lost", _G, 4, "multicast a join"),
    Transition(_C, "join of a member", _G, 13, "take its nodes over"),
    Transition(_C, "commit token, second time round", _R, -1, "send what others of the old ring lack"),
    Transition(_R, "token lost", _G, 5, "stand where the old ring was left"),
    Transition(_R, "join of a member", _G, 14, "stand where the old ring was left"),
    Transition(_R, "token, nothing left to recover", _O, -1, "deliver the old ring's rest, install the new one"),
)


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> GATHER: start"]
    for row in TRANSITIONS:
        if row.state is row.next and row.reason < 0:
            continue
        number = f" ({row.reason})" if row.reason >= 0 else ""
        lines.append(f"    {row.state.name} --> {row.next.name}: {row.event}{number}")
    return "\n".join(lines)


def as_markdown() -> str:
    """The table for the manual."""
    lines = ["| state | event | next | Corosync's number | what is done |", "| --- | --- | --- | --- | --- |"]
    for row in TRANSITIONS:
        number = str(row.reason) if row.reason >= 0 else ""
        lines.append(f"| {row.state.name} | {row.event} | {row.next.name} | {number} | {row.what} |")
    return "\n".join(lines)
