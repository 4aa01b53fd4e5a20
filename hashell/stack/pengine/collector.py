"""The garbage collector held still while a cluster is worked on.

One run makes hundreds of thousands of objects that refer to each other and are all needed until its end: every look of
the collector at them is in vain, and each is longer than the one before.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No cyclic garbage is looked for inside the block."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
