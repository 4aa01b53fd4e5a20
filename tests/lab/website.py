"""Sites of the lab: hosts whose cluster `hashell cluster init` and `join` made, and a visitor who asks from outside.

The hosts have systemd, nginx, and 192.0.2.1N; the visitor is a further host, without a cluster, at 192.0.2.19.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.lab import admin, extras, peerlab
from tests.lab.fencing import is_on, wire_the_machine
from tests.lab.peerlab import HOME, REPO, Host, wait_for
from tests.lab.redfish import Controller, Power

EXAMPLES = REPO / "examples"
VISITOR = Host(9)
#: The address of node N's management controller: 192.0.2.20N, as examples/fencing-redfish.crm has them.
CONTROLLER = "192.0.2.20{}"
#: Where a host's own page is, which names it, and what nginx adds to every page.
_PAGE = "/var/www/html/index.html"
_SERVER = "server {{ listen {listen}; root {root}; add_header X-Node $hostname always; }}\n"


def run(host: Host, *words: str, timeout: float = 400) -> str:
    """A command of our shell that has to succeed; what it printed."""
    result = host.run("hashell", *words, timeout=timeout)
    said = result.stdout + result.stderr
    assert result.returncode == 0 and "Traceback" not in said and "internal error" not in said, f"{words}: {said}"
    return said


class Website:
    """Hosts 1 to `count` in one cluster, and the visitor."""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = hosts
        self.controllers: list[Controller] = []
        #: Block devices of this machine that the hosts share, and where.
        self._disks: list[tuple[str, str]] = []

    @classmethod
    @contextlib.contextmanager
    def up(cls, count: int, *, fenced: bool = False) -> Iterator[Website]:
        """The cluster `site`, all nodes online, nothing configured; `fenced`: each host hangs on a controller."""
        site = cls(admin.boot(count, *([extras.disk_layer(), extras.fence_layer()] if fenced else [])))
        boot_visitor()
        try:
            if fenced:
                site.controllers = controllers(count, site.switch_on)
            site._make_cluster()
            yield site
        finally:
            for controller in site.controllers:
                controller.close()

    def _make_cluster(self) -> None:
        first, *others = self.hosts
        for host in self.hosts:
            serve(host, "/etc/nginx/sites-enabled/default", "80 default_server", str(Path(_PAGE).parent))
            host.write(_PAGE, f"this is {host.name}\n")
        run(first, "cluster", "init", "-y", "-n", "site", "-i", admin.addresses(1)[0])
        for host in others:
            run(host, "cluster", "join", "-y", "-c", first.name)
        run(first, "cluster", "enable", "--all")
        self.wait_online()

    def load(self, example: str) -> None:
        """Load a file of examples/ as it is."""
        host = self.alive()
        host.write(f"/root/{example}.crm", (EXAMPLES / f"{example}.crm").read_text())
        run(host, "configure", "load", "update", f"/root/{example}.crm")

    # --- hardware

    def switch_on(self, host: Host) -> None:
        """Give a host its power again; what is enabled starts."""
        admin.switch_on(host)
        for device, path in self._disks:
            _attach(host, device, path)
        admin.start_enabled(host)

    @contextlib.contextmanager
    def shared_disk(self, path: str, *, formatted: bool = True) -> Iterator[str]:
        """A block device that all hosts reach at `path`, with an ext4 if it is formatted; its path on this machine.

        It is a loop device, which is the same device in all namespaces. Detached when nobody has it mounted any more.
        """
        image = HOME / "shared.disk"
        image.unlink(missing_ok=True)
        with image.open("wb") as file:
            file.truncate(64 << 20)
        if formatted:
            subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
        words = ["losetup", "--find", "--show", str(image)]
        device = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
        self._disks.append((device, path))
        try:
            for host in self.hosts:
                _attach(host, device, path)
            yield device
        finally:
            subprocess.run(["losetup", "--detach", device], check=False)
            image.unlink(missing_ok=True)

    # --- states

    def alive(self) -> Host:
        return next(host for host in self.hosts if is_on(host.number))

    def mon(self, *options: str) -> str:
        return self.alive().run("crm_mon", "-1", *options).stdout

    def wait_online(self, *hosts: Host) -> None:
        names = " ".join(host.name for host in hosts or self.hosts)
        wait_for(f"{names} online", lambda: f"Online: [ {names} ]" in self.mon(), 240)

    def settle(self) -> None:
        """All hosts are on and online, past failures are forgotten, and nothing is left to do."""
        for host in self.hosts:
            if not is_on(host.number):
                self.switch_on(host)
        self.wait_online()
        run(self.alive(), "resource", "cleanup")
        run(self.alive(), "cluster", "wait_for_startup", "120")

    def forget(self) -> None:
        """Stop everything and take it out of the configuration, as it was when the cluster was made."""
        host = self.alive()
        run(host, "-w", "configure", "property", "stop-all-resources=true")
        wait_for("nothing runs", lambda: not re.search(r"Started|Promoted", self.mon()))
        run(host, "-F", "configure", "erase")
        run(host, "configure", "property", "stonith-enabled=false")

    # --- what the visitor sees

    def page(self, address: str) -> tuple[str, str]:
        """The node that answers and its page; two empty texts for no answer within two seconds."""
        done = VISITOR.run("curl", "-s", "-i", "-f", "-m", "2", f"http://{address}/")
        if done.returncode:
            return "", ""
        head, _, body = done.stdout.replace("\r", "").partition("\n\n")
        node = re.search(r"^X-Node: (\S+)$", head, re.MULTILINE)
        return (node[1] if node else "?"), body

    def served_by(self, address: str) -> str:
        return self.page(address)[0]

    def wait_served(self, address: str, *nodes: Host, seconds: float = 180) -> Host:
        """Wait until one of `nodes` (default: any) answers; which."""
        wanted = [host.name for host in nodes or self.hosts]
        found = wait_for(f"{address} served by {' or '.join(wanted)}",
                         lambda: (name := self.served_by(address)) in wanted and name, seconds)
        return next(host for host in self.hosts if host.name == found)

    def wait_silent(self, address: str) -> None:
        wait_for(f"nobody serves {address}", lambda: not self.served_by(address))

    def holders(self, address: str) -> list[Host]:
        """The hosts that are on and have the address."""
        return [host for host in self.hosts if is_on(host.number)
                and f" {address}/" in host.run("ip", "-o", "-4", "addr").stdout]

    def only_server(self, address: str) -> Host:
        """The one host that has the address, which answers. Fails when it is not one."""
        answering = self.wait_served(address)
        holders = self.holders(address)
        assert holders == [answering], f"{address} is at {holders}, and {answering.name} answers"
        return answering


def serve(host: Host, conf: str, listen: str, root: str) -> None:
    """A configuration of nginx, or with a `pid` of its own a whole one where that is not below sites-enabled."""
    server = _SERVER.format(listen=listen, root=root)
    if "sites-enabled" not in conf:
        server = f"pid /run/nginx-{Path(conf).stem}.pid;\nevents {{}}\nhttp {{ {server.strip()} }}\n"
    host.write(conf, server)


def boot_visitor() -> None:
    """The host that only asks."""
    peerlab.peerlab("host", str(VISITOR.number), peerlab._image())
    address = f"{admin.addresses(VISITOR.number)[0]}/24"
    VISITOR.run("ip", "addr", "add", address, "dev", "eth0", check=True)


def controllers(count: int, on: Callable[[Host], None]) -> list[Controller]:
    """A management controller for each of `count` hosts, each at an address of its own; `on` gives a host its power."""
    addresses = [CONTROLLER.format(number) for number in range(1, count + 1)]
    wire_the_machine(*addresses)
    power = Power(is_on=is_on, off=lambda number: Host(number).kill(), on=lambda number: on(Host(number)))
    made = [Controller(address, (number,), power, HOME / "redfish", 443) for number, address in enumerate(addresses, 1)]
    for controller in made:
        controller.start()
    return made


def main_process(host: Host, unit: str) -> str:
    """The main process of a unit, as the host numbers it."""
    return host.run("systemctl", "show", "-p", "MainPID", "--value", unit, check=True).stdout.strip()


def process(host: Host, name: str) -> str:
    """The number, as the host has it, of the newest process of that name; '' if there is none."""
    return host.run("pgrep", "-n", "-x", name[:15]).stdout.strip()
def _attach(host: Host, device: str, path: str) -> None:
    """Show a block device of this machine to a host, as its udev would."""
    number = Path(device).stat().st_rdev
    make = f"mknod {device} b {os.major(number)} {os.minor(number)}"
    show = f"test -e {device} || {make}; mkdir -p {Path(path).parent}; ln -sf {device} {path}"
    host.run("sh", "-c", show, check=True)
