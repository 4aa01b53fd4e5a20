"""Relations between two actions (scheduler actions §11.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.relations import Relation

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action


def relate(first: Action | None, then: Action | None, flags: int) -> bool:
    """Order the two; False, and nothing done, when a relation that shares any flag exists already."""
    if not flags or first is None or then is None:
        return False
    known = first.after_flags.get(then.id, 0)
    if known & flags:
        return False
    first.after_flags[then.id] = known | flags
    first.after.append(Relation(then, flags))
    then.before.append(Relation(first, flags))
    return True
