"""Real clusters of two releases with our command line beside them, and a shell that notes every process it starts."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import bookworm, peerlab
from tests.lab.peerlab import HOST_LIB, Host, wait_for

#: Pacemaker's release and where a host that runs it comes from.
RELEASES = ("3.0.0", "2.1.5")
_AUDIT = "/opt/audit"
#: Python calls this for everything that starts a process, however it is started.
_HOOK = """
import json, os, sys

def _note(event, args):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty",
                 "pty.spawn"):
        with open("/var/log/started", "a") as log:
            log.write(json.dumps([event, repr(args), sys.argv]) + "\\n")

sys.addaudithook(_note)
"""

CONFIG = """property stonith-enabled=false
primitive d1 ocf:pacemaker:Dummy op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy op monitor interval=10s
group g d1 d2
primitive d3 ocf:pacemaker:Dummy op monitor interval=11s
"""


@contextmanager
def cluster(release: str, config: str = CONFIG) -> Iterator[list[Shell]]:
    """Two hosts of a release, both online, with a configuration whose three resources run; ours loads it."""
    hosts = peerlab.up_real_with_shell(2, image=bookworm.image() if release == "2.1.5" else "")
    try:
        shells = [Shell(host) for host in hosts]
        for host in hosts:
            host.write(f"{_AUDIT}/sitecustomize.py", _HOOK)
            host.write("/var/log/started", "")
            host.run("chmod", "666", "/var/log/started", check=True)
        wait_for("the real nodes online", lambda: "[ node1 node2 ]" in hosts[0].run("crm_mon", "-1").stdout, 240)
        hosts[0].write("/root/config.crm", config)
        shells[0].say("configure", "load", "update", "/root/config.crm", check=True)
        wait_for("all started", lambda: hosts[0].run("crm_mon", "-1").stdout.count("Started") == 3, 120)
        yield shells
    finally:
        peerlab.down()


@dataclass(frozen=True)
class Shell:
    """Our command line on a host."""

    host: Host

    def say(
        self, *words: str, text: str = "", user: str = "", check: bool = False, timeout: float = 100
    ) -> subprocess.CompletedProcess[str]:
        """Run `hashell WORDS...`, as another user if one is named, `text` on its standard input."""
        path = "/etc/input.crm" if text else "/dev/null"
        if text:
            self.host.write(path, text)
        who = ["runuser", "-u", user, "--"] if user else []
        environment = ["env", f"PYTHONPATH={_AUDIT}:{HOST_LIB}", "NO_COLOR=1", "PYTHONDONTWRITEBYTECODE=1"]
        command = [*who, *environment, "python3", "-m", "hashell.cli", *words]
        script = f'exec "$@" <{path}'
        return self.host.run("sh", "-c", script, "sh", *command, check=check, timeout=timeout)

    def started(self) -> list[str]:
        """The processes that ours has started on this host since it is up."""
        return [json.loads(line)[1] for line in self.host.read("/var/log/started").splitlines()]

    def resources(self) -> str:
        return self.host.run("crm_mon", "-1", "-r").stdout

    def cib(self, *words: str) -> str:
        """What cibadmin reads, as root."""
        return self.host.run("cibadmin", "-Q", *words, check=True).stdout

    def dc(self) -> str:
        """The name of the DC; waits for one."""

        def named() -> str:
            words = self.host.run("crmadmin", "-D").stdout.split()
            return words[-1] if words and words[-1].startswith("node") else ""

        return wait_for("a DC", named)

    def settle(self) -> None:
        self.host.run("crm_resource", "--wait", "--timeout=60", timeout=120)

    def pid(self, daemon: str) -> str:
        """The number of a daemon's process on this host."""
        return self.host.run("pidof", "-s", daemon, check=True).stdout.strip()

    @contextmanager
    def frozen(self, daemon: str) -> Iterator[None]:
        """A daemon is stopped meanwhile, and so is the parent that would replace it."""
        pids = [self.pid("pacemakerd"), self.pid(daemon)]
        self.host.run("kill", "-STOP", *pids, check=True)
        try:
            yield
        finally:
            self.host.run("kill", "-CONT", *reversed(pids), check=True)

    @contextmanager
    def following(self) -> Iterator[Follower]:
        """The monitor's feed runs on this host meanwhile."""
        follower = Follower(self.host)
        try:
            yield follower
        finally:
            follower.end()


class Follower:
    """What the monitor's feed on a host has said so far."""

    def __init__(self, host: Host) -> None:
        host.write("/opt/follow.py", (Path(__file__).parent / "follow.py").read_text())
        words = [str(peerlab.PEERLAB), "run", str(host.number), "env", f"PYTHONPATH={HOST_LIB}", "python3",
                 "/opt/follow.py"]  # fmt: skip
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self._said: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(json.loads(line))

    @property
    def shots(self) -> list[dict[str, Any]]:
        return [one for one in self._said if "resources" in one]

    @property
    def shot(self) -> dict[str, Any]:
        """The newest look."""
        return self.shots[-1]

    @property
    def state(self) -> str | None:
        """What is wrong, '' for nothing; None before the first word."""
        return next((str(one["state"]) for one in reversed(self._said) if "state" in one), None)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
