"""What an explanation is: answers with causes, each cause perhaps with deeper ones; and its text and JSON forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One reason in words. `id` is that of the CIB element, `remedy` the one command that lifts it ("" for none)."""

    kind: str  #: a stable word, see `hashell.stack.pengine.ledger.Kind` and the modules of this package
    text: str
    id: str = ""
    remedy: str = ""
    node: str = ""
    value: int | None = None  #: score, when it is one
    because: tuple[Cause, ...] = ()

    def depth(self) -> int:
        """How many steps lead to the last cause."""
        return 1 + max((cause.depth() for cause in self.because), default=0)

    def as_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {"kind": self.kind, "text": self.text, "id": self.id, "remedy": self.remedy}
        if self.node:
            data["node"] = self.node
        if self.value is not None:
            data["value"] = self.value
        if self.because:
            data["because"] = [cause.as_json() for cause in self.because]
        return data


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One sentence about a resource, and why it is so."""

    question: str  #: here, not-there, stopped, unmanaged, moves, waits, role, starts, changes
    text: str
    causes: tuple[Cause, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"question": self.question, "text": self.text, "causes": [cause.as_json() for cause in self.causes]}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """All answers about one resource, perhaps on one node."""

    resource: str
    node: str = ""
    answers: tuple[Answer, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        return {"resource": self.resource, "node": self.node, "answers": [a.as_json() for a in self.answers]}

    def lines(self) -> list[str]:
        """The text form: a sentence, below it the causes, the decisive one first."""
        found: list[str] = []
        for answer in self.answers:
            found.append(answer.text + (":" if answer.causes else "."))
            for cause in answer.causes:
                _write(cause, "  ", found)
        return found


def _write(cause: Cause, indent: str, found: list[str]) -> None:
    id = f"  [{cause.id}]" if cause.id else ""
    found.append(f"{indent}- {cause.text}{id}{':' if cause.because else ''}")
    if cause.remedy:
        found.append(f"{indent}    to lift it: {cause.remedy}")
    for deeper in cause.because:
        _write(deeper, indent + "    ", found)


def shortest_first(causes: list[Cause]) -> list[Cause]:
    """The same causes, those that need fewest steps first; equals keep their order, repetitions are dropped."""
    unique: dict[tuple[str, str, str, str], Cause] = {}
    for cause in causes:
        unique.setdefault((cause.kind, cause.id, cause.node, cause.text), cause)
    return sorted(unique.values(), key=Cause.depth)
