"""Names of tasks in relation to each other: completions and inverses (scheduler actions §11.1, §11.3)."""

from __future__ import annotations

#: Tasks whose completion has a task of its own, as collectives order against it.
COMPLETED = {"stop": "stopped", "start": "running", "notify": "notified", "promote": "promoted", "demote": "demoted"}

#: The operation that a completion belongs to.
BASE_TASK = {done: task for task, done in COMPLETED.items()}

#: Tasks that undo each other, for the inverse of a symmetric ordering.
INVERSE = {
    "start": "stop",
    "stop": "start",
    "promote": "demote",
    "demote": "promote",
    "promoted": "demoted",
    "demoted": "promoted",
    "running": "stopped",
    "stopped": "running",
}
