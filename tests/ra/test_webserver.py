"""The bundled web server agent with each server that is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from hashell.stack.settings import NodeSettings
from tests.ra.test_contract import Bench, free_port

SERVERS = [
    pytest.param(kind, marks=[] if found else [pytest.mark.skip(reason=f"{kind} is not installed")])
    for kind, found in (
        ("nginx", shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")),
        ("apache", shutil.which("apache2", path="/usr/sbin:/usr/bin:/sbin")),
        ("python", True),
    )
]


def page(port: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return answer.read().decode()


def leader(settings: NodeSettings) -> int:
    return int((settings.agent_dir / "webserver-r1" / "pid").read_text().split()[0])


@pytest.mark.parametrize("server", SERVERS)
async def test_serves_and_ends(settings: NodeSettings, server: str) -> None:
    do = Bench(settings, "webserver", server=server, content="Hello from %n")
    result = await do("start")
    assert result.rc == 0, result
    try:
        assert page(do.params["port"]) == "Hello from n1\n"
        pid = leader(settings)
        assert os.getsid(pid) == pid
        assert b"HASHELL_NODE=mark\0" in Path(f"/proc/{pid}/environ").read_bytes()
        assert (await do("monitor")).rc == 0
        assert (await do("monitor", content="something else")).rc == 1
        assert (await do("reload-agent", content="something else")).rc == 0
        assert page(do.params["port"]) == "something else\n"
    finally:
        assert (await do("stop")).rc == 0
    assert not Path(f"/proc/{pid}/exe").exists()
    with pytest.raises(OSError):
        page(do.params["port"])


@pytest.mark.parametrize("server", SERVERS)
async def test_busy_port_is_explained(settings: NodeSettings, server: str) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.settimeout(0)
        do = Bench(settings, "webserver", server=server, port=str(sock.getsockname()[1]))
        result = await do("start", CRM_meta_timeout="8000")
        assert result.rc == 1 and "listens on 127.0.0.1 port" in result.reason
        assert (await do("monitor")).rc == 7


async def test_killed_server_is_not_running_and_starts_again(settings: NodeSettings) -> None:
    do = Bench(settings, "webserver", port=str(free_port()))
    assert (await do("start")).rc == 0
    os.kill(leader(settings), signal.SIGKILL)
    for _ in range(100):
        if (await do("monitor")).rc == 7:
            break
    assert (await do("monitor")).rc == 7
    assert (await do("start")).rc == 0
    assert (await do("stop")).rc == 0


async def test_frozen_server_fails_its_monitor_and_is_ended(settings: NodeSettings) -> None:
    do = Bench(settings, "webserver", port=str(free_port()))
    assert (await do("start")).rc == 0
    os.kill(leader(settings), signal.SIGSTOP)
    result = await do("monitor", CRM_meta_timeout="2000")
    assert result.rc == 1 and "does not answer" in result.reason
    assert (await do("stop", CRM_meta_timeout="2000")).rc == 0
    assert (await do("monitor")).rc == 7


async def test_folder(settings: NodeSettings, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("from a folder")
    do = Bench(settings, "webserver", docroot=str(tmp_path / "www"))
    assert (await do("start")).rc == 0
    assert page(do.params["port"]) == "from a folder"
    assert (await do("monitor", testurl="/nothing")).rc == 1
    assert (await do("stop")).rc == 0
