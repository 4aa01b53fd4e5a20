"""Room for recursion: assignment and propagation follow constraints as deep as the configuration chains them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_BASE = 10_000
_PER_RESOURCE = 60  #: frames that one link of a chain of orderings or colocations can take


@contextmanager
def recursion_room(resources: int) -> Iterator[None]:
    """Allow chains through all of that many resources for the time of the block.

    Frames of Python functions live on the heap, so that the limit guards against endless recursion only.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _BASE + _PER_RESOURCE * resources))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
