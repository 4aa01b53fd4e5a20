"""What the supervisor leaves out for all daemons, and gives back to the one that needs it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from hashell.stack.supervisor.preload import import_shared, restore_tls
import_shared()
import asyncio.sslproto, asyncio.base_events, asyncio.selector_events
assert "ssl" not in sys.modules and asyncio.base_events.ssl is None
restore_tls()
import ssl
assert asyncio.base_events.ssl is asyncio.selector_events.ssl is asyncio.sslproto.ssl is ssl
asyncio.sslproto.SSLProtocol(asyncio.new_event_loop(), asyncio.Protocol(), ssl.create_default_context(), None)
"""


def test_a_daemon_gets_tls_back() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
