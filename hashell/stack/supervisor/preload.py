"""What the supervisor imports before it forks: the modules that most daemons have in common, and those alone.

A fork inherits every page of its parent and copies each one it touches. A module that one daemon needs is therefore
cheapest in that daemon; one that most of them need is cheapest here.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import sys

SHARED = (
    "asyncio",
    "hashell.stack.runtime",
    "hashell.stack.wire.pacemaker",
    "hashell.stack.wire.corosync.clients",
    "hashell.stack.wire.cluster",
    "hashell.model.digest",
    "hashell.model.document",
)


def import_shared() -> None:
    """Import SHARED and make the memory ready to be shared. Raises ImportError."""
    # asyncio does without TLS when there is no ssl, and one daemon alone speaks it, some of the time: OpenSSL would be
    # a tenth of the memory.
    absent = [name for name in ("ssl",) if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        for name in SHARED:
            importlib.import_module(name)
    finally:
        for name in absent:
            del sys.modules[name]
    settle()


def restore_tls() -> None:
    """Give asyncio its TLS back in a daemon that speaks it."""
    import ssl
    from asyncio import sslproto

    without = [module for name, module in list(sys.modules.items())
               if name.startswith("asyncio.") and getattr(module, "ssl", ssl) is None]  # fmt: skip
    for module in without:
        module.ssl = ssl  # type: ignore[attr-defined]
    if sslproto in without:
        importlib.reload(sslproto)  # it has names of its own that it makes from those of ssl


def settle() -> None:
    """Give back what imports left over, and keep the collector off the pages of all that is there now."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    gc.freeze()
