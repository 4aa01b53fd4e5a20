"""A lab whose hosts hang on a management controller: their power is switched by a fence agent that asks it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab import extras, peerlab
from tests.lab.peerlab import HOME, Host, wait_for
from tests.lab.redfish import PASSWORD, USER, Controller, Power, Seen

NET = os.environ.get("PEERLAB_NET", "10.78.0")
BRIDGE = os.environ.get("PEERLAB_BRIDGE", "plbr0")
#: Says when and where the resource `web` was started last: by its agent, on a file system that a power loss empties.
STATE = "/run/web.state"
WEB = f"primitive web ocf:pacemaker:Dummy params state={STATE} op monitor interval=10s\n"


def mon(host: Host) -> str:
    return host.run("crm_mon", "-1").stdout


def is_on(number: int) -> bool:
    """Whether the first process of a host lives; a system that is no host is always on."""
    folder = HOME / "nodes" / str(number)
    if not folder.exists():
        return True
    with contextlib.suppress(OSError, ValueError):
        return Path(f"/proc/{int((folder / 'init.pid').read_text())}/root").is_dir()
    return False


class FencedLab:
    """Hosts 1 to `count` with our stack and Debian's fence agent, and their controller."""

    def __init__(self, count: int, further: tuple[int, ...]) -> None:
        self.hosts = [Host(n) for n in range(1, count + 1)]
        self._image = extras.fence_agents()
        wire_the_machine(f"{NET}.254")
        power = Power(is_on=is_on, off=self._off, on=self._boot)
        numbers = (*(host.number for host in self.hosts), *further)
        self.controller = Controller(f"{NET}.254", numbers, power, HOME / "redfish")

    @classmethod
    @contextlib.contextmanager
    def up(cls, count: int, further: tuple[int, ...] = ()) -> Iterator[FencedLab]:
        """The lab, all nodes online."""
        lab = cls(count, further)
        lab.controller.start()
        try:
            for host in lab.hosts:
                lab._boot(host.number)
            lab.wait_online()
            yield lab
        finally:
            lab.controller.close()

    def _boot(self, number: int) -> None:
        peerlab.boot_ours(Host(number), len(self.hosts), image=self._image)

    def _off(self, number: int) -> None:
        Host(number).kill()

    def parameters(self, password: str = PASSWORD) -> str:
        """What every device of this controller is configured with."""
        return f"ip={self.controller.address} ipport={self.controller.port} username={USER} password={password} " \
            "ssl_insecure=1"  # fmt: skip

    def configure(self, text: str) -> None:
        self.hosts[0].write("/root/config.crm", text)
        done = self.hosts[0].run("hashell", "-F", "configure", "load", "update", "/root/config.crm", timeout=120)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr

    # --- states

    def others(self, *hosts: Host) -> list[Host]:
        return [host for host in self.hosts if host not in hosts]

    def alive(self) -> Host:
        return next(host for host in self.hosts if is_on(host.number))

    def wait_online(self) -> None:
        wanted = f"Online: [ {' '.join(host.name for host in self.hosts)} ]"
        wait_for("all nodes online", lambda: wanted in mon(self.alive()), 240)

    def started_at(self, host: Host) -> float:
        """When `web` was started on the host (seconds since the epoch), 0 where it was not."""
        try:
            return (host.root / STATE.lstrip("/")).stat().st_mtime
        except OSError:
            return 0.0

    def active(self) -> Host:
        """Where `web` runs."""
        return wait_for("web started", lambda: next((h for h in self.hosts if self.started_at(h)), None))

    def started_elsewhere(self, victim: Host, seconds: float = 240) -> tuple[Host, float]:
        """The other host on which `web` was started, and when."""
        return wait_for(
            f"web started elsewhere than on {victim.name}",
            lambda: next(((h, self.started_at(h)) for h in self.others(victim) if self.started_at(h)), None), seconds,
        )  # fmt: skip

    def run_web_on(self, host: Host) -> None:
        if self.active() == host:
            return
        host.run("hashell", "resource", "move", "web", host.name, "force", check=True)
        wait_for(f"web on {host.name}", lambda: self.started_at(host))
        host.run("hashell", "resource", "clear", "web", check=True)
        wait_for("web nowhere else", lambda: not any(self.started_at(h) for h in self.others(host)))

    def dc(self) -> Host:
        def found() -> Host | None:
            text = self.alive().run("crmadmin", "-D").stdout
            return next((host for host in self.hosts if host.name in text), None)

        return wait_for("a DC", found)

    def settle(self) -> None:
        """All systems work, all hosts are on, `web` runs, and the past is forgotten."""
        self.controller.calm()
        for host in self.hosts:
            if not is_on(host.number):
                self._boot(host.number)
        self.wait_online()
        self.active()
        any_host = self.hosts[0]
        any_host.run("crm_resource", "--cleanup", timeout=120)
        any_host.run("stonith_admin", "--cleanup", "--history", "*", check=True)
        wait_for("nothing to do", lambda: "S_IDLE" in any_host.run("crmadmin", "-S", self.dc().name).stdout, 120)
        self.controller.seen.clear()

    # --- what was seen

    def history(self, host: Host, target: str) -> str:
        return host.run("stonith_admin", "--history", target, "--verbose").stdout

    def orders(self, host: Host | None = None) -> list[str]:
        return [f"{seen.system} {seen.order}" for seen in self.controller.orders(host.number if host else None)]

    def last_order(self, host: Host) -> Seen:
        return self.controller.orders(host.number)[-1]


def wire_the_machine(*addresses: str) -> None:
    """Addresses of the machine on the bridge of the hosts: there controllers listen."""
    for words in (
        ["link", "add", BRIDGE, "type", "bridge"],
        *(["addr", "add", f"{address}/24", "dev", BRIDGE] for address in addresses),
    ):
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        if done.returncode and "exists" not in done.stderr and "assigned" not in done.stderr:
            raise peerlab.LabError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    subprocess.run(["ip", "link", "set", BRIDGE, "up"], check=True)


def isolate(*numbers: int, isolated: bool) -> None:
    """Ports of the bridge that are isolated reach the machine, where the controller is, but not each other."""
    for number in numbers:
        words = ["bridge", "link", "set", "dev", f"plv{number}", "isolated", "on" if isolated else "off"]
        subprocess.run(words, check=True)
