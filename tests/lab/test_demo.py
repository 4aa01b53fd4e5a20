"""`hashell demo` as the manual has it, at a terminal: to its last line, the shell on its cluster, and out again."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from hashell.demo import example, port_is_free, site_of
from tests.terminal import Terminal


@pytest.mark.timeout(600)
def test_demo(tmp_path: Path) -> None:
    site = site_of(example("web-cluster.crm"))
    if not port_is_free(site):
        pytest.skip(f"{site[0]}:{site[1]} is in use, perhaps by another demo")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    terminal = Terminal((sys.executable, "-m", "hashell.cli"), environ, tmp_path)
    try:
        terminal.expect("# ")
        terminal.line("demo")
        terminal.expect("killed, served by", 300)
        terminal.expect("The cluster is yours now")
        terminal.expect("# ")
        terminal.line("status")
        terminal.expect("Online: [ node1 node2 node3 ]")
        terminal.line("quit")
        terminal.expect("bye")
        terminal.expect("# ", 120)
        with socket.socket() as probe:
            assert probe.connect_ex(site) != 0
        terminal.line("quit")
        assert terminal.end() == 0
    finally:
        terminal.close()
