"""Hosts of the lab: the real peers and our own nodes in Linux namespaces, driven through the shared `peerlab`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

REPO = Path(__file__).resolve().parents[2]
PEERLAB = REPO.parent / "shared" / "peerlab" / "peerlab"
HOME = Path(os.environ.get("PEERLAB_HOME", "/var/tmp/peerlab"))
#: Where our package and its libraries are on a lab host.
HOST_LIB = "/opt/hashell"
T = TypeVar("T")


class LabError(RuntimeError):
    """The lab itself failed: a host did not start or a state was not reached in time."""


def missing() -> str:
    """Why the lab cannot run here, or '' when it can."""
    if not PEERLAB.exists():
        return "the shared peerlab is not beside this checkout"
    if os.geteuid() != 0:
        return "the lab needs root"
    for tool in ("debootstrap", "ip", "nsenter"):
        if not shutil.which(tool):
            return f"the lab needs {tool}"
    return ""


def peerlab(*args: str, timeout: float = 600) -> str:
    """Run one peerlab verb; raises LabError with what it said."""
    result = subprocess.run([str(PEERLAB), *args], capture_output=True, text=True, timeout=timeout, check=False)
    if result.returncode:
        raise LabError(f"peerlab {' '.join(args)}: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = 120.0, step: float = 0.2) -> T:
    """The first true value of `probe()`; raises LabError naming `what` when the deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"not reached in {seconds:.0f} s: {what}")
        time.sleep(step)


@cache
def library_layer(image: str = "") -> Path:
    """A folder with our package and its libraries for the Python of an image (Debian 13 by default), laid over it.

    Made once a run: hosts that are up look at the same files.
    """
    version = min(p.name for p in (Path(image or _image()) / "usr/lib").glob("python3.[0-9]*"))
    layer = HOME / f"hashell-{version}"
    target = layer / HOST_LIB.lstrip("/")
    stamp = layer / ".libraries"
    wanted = "\n".join(_requirements())
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(layer, ignore_errors=True)
        target.mkdir(parents=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--only-binary=:all:",
             "--python-version", version.removeprefix("python"), "--target", str(target), *_requirements()],
            check=True,
        )  # fmt: skip
        stamp.write_text(wanted)
    shutil.rmtree(target / "hashell", ignore_errors=True)
    shutil.copytree(REPO / "hashell", target / "hashell", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("hashell", "hashelld"):
        module = "hashell.cli" if name == "hashell" else "hashell.stack.hashelld"
        script = layer / "usr/local/bin" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(f'#!/bin/sh\nPYTHONPATH={HOST_LIB} exec python3 -m {module} "$@"\n')
        script.chmod(0o755)
    return layer


def _requirements() -> list[str]:
    import tomllib

    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["exporter"]]


@dataclass(frozen=True)
class Host:
    """One lab host, by its number; its address ends in that number and its name is `nodeN`."""

    number: int

    @property
    def name(self) -> str:
        return f"node{self.number}"

    def run(self, *command: str, timeout: float = 60, check: bool = False) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [str(PEERLAB), "run", str(self.number), *command],
            capture_output=True, text=True, errors="replace", timeout=timeout, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if check and result.returncode:
            raise LabError(f"{self.name}: {' '.join(command)}: {result.stderr.strip() or result.stdout.strip()}")
        return result

    @property
    def root(self) -> Path:
        """The live file tree of the host."""
        return Path(f"/proc/{(HOME / 'nodes' / str(self.number) / 'init.pid').read_text().strip()}/root")

    def place(self, path: str) -> Path:
        """Where a path of the host is on this machine: its links, too, are followed from the host's root."""
        left, here = list(Path(path).parts), Path("/")
        while left:
            step = left.pop(0)
            if step in ("/", ".."):
                here = Path("/") if step == "/" else here.parent
                continue
            real = self.root / str(here / step).lstrip("/")
            if real.is_symlink():
                left = [*real.readlink().parts, *left]
            else:
                here = here / step
        return self.root / str(here).lstrip("/")

    def write(self, path: str, text: str) -> None:
        target = self.place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def read(self, path: str) -> str:
        try:
            return self.place(path).read_text(errors="replace")
        except OSError:
            return ""

    def kill(self) -> None:
        """Power loss. Its network outlives its processes, and a machine without power answers for no address."""
        peerlab("kill", str(self.number))
        subprocess.run(["ip", "-n", f"pl{self.number}", "addr", "flush", "dev", "eth0"], check=True)


def up_real(count: int, token: int = 1000, transport: str = "udpu") -> list[Host]:
    """`count` hosts with the real Corosync and Pacemaker, started."""
    peerlab("up", str(count), transport, str(token))
    return [Host(n) for n in range(1, count + 1)]


def up_real_with_shell(count: int, token: int = 1000, image: str = "") -> list[Host]:
    """Hosts with the real cluster of an image (Debian 13's by default), started, and our command line beside it."""
    lower = f"{library_layer(image)}:{image or _image()}"
    conf = HOME / "corosync-shell.conf"
    conf.write_text(peerlab("conf", str(count), "udpu", str(token)))
    hosts = [Host(n) for n in range(1, count + 1)]
    for host in hosts:
        peerlab("host", str(host.number), lower)
    for host in hosts:
        peerlab("start", str(host.number), str(conf))
    return hosts


def up_ours(count: int, token: int = 1000, image: str = "") -> list[Host]:
    """`count` hosts with hashelld and the real command-line tools, started."""
    hosts = [Host(n) for n in range(1, count + 1)]
    for host in hosts:
        boot_ours(host, count, token, image)
    return hosts


def up_mixed(real: int, ours: int, token: int = 1000) -> list[Host]:
    """Real nodes first, then ours, on one ring."""
    total = real + ours
    conf = HOME / "corosync-mixed.conf"
    conf.write_text(peerlab("conf", str(total), "udpu", str(token)))
    hosts = [Host(n) for n in range(1, total + 1)]
    for host in hosts[:real]:
        peerlab("host", str(host.number), _image())
        peerlab("start", str(host.number), str(conf))
    for host in hosts[real:]:
        boot_ours(host, total, token)
    return hosts


def up_pacemaker_on_our_ring(count: int, token: int = 1000) -> list[Host]:
    """`count` hosts with our ring daemon alone and the real Pacemaker on it, started."""
    hosts = [Host(n) for n in range(1, count + 1)]
    for host in hosts:
        boot_pacemaker_on_our_ring(host, count, token)
    return hosts


def boot_ours(host: Host, count: int, token: int = 1000, image: str = "") -> None:
    """Make one host of `count` with our stack, over other lower folders than the image if they are named; start it."""
    make_ours(host, count, token, image)
    start_ours(host)


def boot_pacemaker_on_our_ring(host: Host, count: int, token: int = 1000) -> None:
    """Make one host of `count` with our ring daemon and the real Pacemaker, and start it."""
    make_ours(host, count, token)
    host.run("hashelld", "--only-ring", timeout=120, check=True)
    start_pacemaker(host)


def start_pacemaker(host: Host) -> None:
    """Start the real pacemakerd on a ring that runs."""
    command = """mkdir -p /run/crm /var/log/pacemaker && chown hacluster:haclient /run/crm /var/log/pacemaker
    chmod 750 /run/crm; setsid pacemakerd -f >/var/log/pacemakerd.out 2>&1 </dev/null &"""
    host.run("sh", "-c", command, check=True)


def boot_ours_with_systemd(host: Host, count: int, token: int = 1000) -> None:
    """Make one host of `count` with our stack as a service of a real systemd, the host's first process; started."""
    peerlab("boot", str(host.number))
    # A booted host takes one lower layer only: ours is copied onto it.
    shutil.copytree(library_layer(), host.root, symlinks=True, dirs_exist_ok=True)
    host.write("/etc/corosync/corosync.conf", peerlab("conf", str(count), "udpu", str(token)))
    host.write("/etc/systemd/system/hashelld.service", (REPO / "systemd" / "hashelld.service").read_text())
    host.run("systemctl", "daemon-reload", check=True)
    host.run("systemctl", "start", "hashelld", timeout=180, check=True)


def make_ours(host: Host, count: int, token: int = 1000, image: str = "") -> None:
    """Make one host of `count` for our stack, which is not started."""
    peerlab("host", str(host.number), f"{library_layer()}:{image or _image()}")
    host.write("/etc/corosync/corosync.conf", peerlab("conf", str(count), "udpu", str(token)))


def _image() -> str:
    return peerlab("image", timeout=1800).strip().splitlines()[-1]


def start_ours(host: Host, *environment: str) -> None:
    """Start our stack on a host, with further words of the form NAME=VALUE in its environment."""
    words = " ".join(f"'{word}'" for word in environment)
    command = f"setsid env {words} hashelld --foreground >>/var/log/hashelld.out 2>&1 </dev/null &"
    host.run("sh", "-c", command, check=True)


def down() -> None:
    """Remove every host of the lab."""
    subprocess.run([str(PEERLAB), "down"], capture_output=True, timeout=120, check=False)
