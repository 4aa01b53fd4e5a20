"""A cluster in trouble: hosts with watched resources and power switches, what is done to them, what must hold after.

`TroubledLab.verify` is the criterion of every test of trouble: the cluster comes to rest within a bound, every resource
was active once at most at any time, no CIB went back, all copies are equal and hold every acknowledged change, no
daemon met an error that it did not expect.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab import oracle, peerlab
from tests.lab.fencing import FencedLab, is_on
from tests.lab.oracle import DIARIES, Oracle, uptime
from tests.lab.peerlab import HOME, HOST_LIB, Host, wait_for
from tests.lab.redfish import SYSTEMS

#: Names of our daemons as the supervisor names them, the ring's among them; `hashelld` is the supervisor itself.
DAEMONS = ("membership", "pacemakerd", "cib", "stonithd", "lrmd", "attrd", "schedulerd", "crmd")
#: Seconds in which a cluster must come to rest, however busy the machine is.
REST = 180
WATCHER = Path(__file__).with_name("cib_watcher.py")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) ")
_LOGS = ("/var/log/hashell/hashell.log", "/var/log/hashelld.out")
_WEBS = "".join(
    f"primitive w{n} ocf:lab:Watched params slow={{slow}} op start timeout=60s interval=0s "
    f"op stop timeout={{stop}}s interval=0s op monitor interval=10s\nlocation home{n} w{n} 50: node{n}\n"
    for n in (1, 2, 3)
)
_POWER = """primitive power{n} stonith:fence_redfish params {common} systems_uri={systems}/{n} pcmk_host_list=node{n} \
 op monitor interval=0
location elsewhere{n} power{n} -inf: node{n}
"""


@dataclass(frozen=True)
class State:
    """What one node shows of the common configuration."""

    version: tuple[int, int]  #: admin_epoch and epoch
    configuration: str


class TroubledLab(FencedLab):
    """Hosts 1 to `count` with our stack; resources w1, w2 … are at home on the host of their number."""

    environment: tuple[str, ...] = ()  #: of the stack, words of the form NAME=VALUE

    def __init__(self, count: int, further: tuple[int, ...] = ()) -> None:
        super().__init__(count, further)
        self._image = f"{oracle.layer()}:{self._image}"
        self.oracle = Oracle(self.hosts)
        self.began = uptime()

    @property
    def resources(self) -> list[str]:
        return [f"w{host.number}" for host in self.hosts]

    # --- what is done

    def _boot(self, number: int) -> None:
        host = Host(number)
        peerlab.make_ours(host, len(self.hosts), image=self._image)
        self.prepare(host)
        self.start(host)
        self._watch(host)

    def prepare(self, host: Host) -> None:
        """What a host needs before its stack is started, besides."""

    def start(self, host: Host) -> None:
        """Start the stack of a host that is on."""
        peerlab.start_ours(host, *self.environment)

    def _watch(self, host: Host) -> None:
        host.write(f"{DIARIES}/watcher.py", WATCHER.read_text())
        run = f"setsid python3 watcher.py {DIARIES} {host.name} >watcher.out 2>&1 </dev/null &"
        host.run("sh", "-c", f"cd {DIARIES}; PYTHONPATH={HOST_LIB} {run}", check=True)

    def _off(self, number: int) -> None:
        self.power_loss(Host(number))

    def power_loss(self, *hosts: Host) -> None:
        """Every process of the hosts ends at once; returns when they have."""
        processes = [host.root.parent for host in hosts]
        for host in hosts:
            host.kill()
        for host, process in zip(hosts, processes):
            wait_for(f"{host.name} without power", lambda: _dead(process), 30, 0.02)  # noqa: B023
            self.oracle.lost_power(host)

    def boot(self, *hosts: Host) -> None:
        """Switch the hosts on, all at once; returns when their stacks have been started."""
        with ThreadPoolExecutor(len(hosts)) as pool:
            list(pool.map(self._boot, (host.number for host in hosts)))

    def configure_watched(
        self, *, fencing: bool, slow: float = 2, stop: int = 60, stonith: int = 40, text: str = ""
    ) -> None:
        """Resources that take `slow` seconds to start and have `stop` to stop; with `fencing` a device a host, which
        has `stonith` seconds. Returns when all run."""
        count = len(self.hosts)
        lines = [f"property stonith-enabled={str(fencing).lower()} stonith-timeout={stonith}s\n"]
        lines += _WEBS.format(slow=slow, stop=stop).splitlines(keepends=True)[: 2 * count]
        if fencing:
            common = self.parameters()
            lines += [_POWER.format(n=host.number, common=common, systems=SYSTEMS) for host in self.hosts]
        self.configure("".join(lines) + text)
        self.verify()

    def stop_all(self) -> None:
        """Have every watched resource stopped, and wait until they are."""
        self.switch("Stopped")
        wait_for("all stopped", lambda: not any(self.oracle.where(name) for name in self.resources), 60)
        self.wait_idle()

    def start_all(self) -> float:
        """Have them started, without waiting; when that was asked for."""
        asked = uptime()
        self.switch("Started")
        return asked

    def switch(self, role: str) -> None:
        """What the watched resources shall be, `Started` or `Stopped`; tried until some node takes it."""
        words = ("crm_attribute", "--type", "rsc_defaults", "--name", "target-role", "--update", role)
        wait_for(f"role {role}", lambda: any(h.run(*words).returncode == 0 for h in self.hosts if self.is_up(h)), 60)

    @staticmethod
    def is_up(host: Host) -> bool:
        return is_on(host.number)

    def wait_begin(self, action: str, host: Host, since: float) -> None:
        """Until an agent has begun `action` on the host."""
        wanted = f" {action} node{host.number}"
        reached = lambda: any(found.endswith(wanted) for found in self.oracle.actions(since, host))  # noqa: E731
        wait_for(f"{action} on {host.name}", reached, 60, 0.05)

    def pid(self, host: Host, daemon: str) -> str:
        """The process id of a daemon inside its host, '' when there is none."""
        name = daemon if daemon == "hashelld" else f"hashelld-{daemon}"[:15]
        found = host.run("pgrep", "-o", "-x" if daemon != "hashelld" else "-f", name if daemon != "hashelld" else
                         "hashell.stack.hashelld")  # fmt: skip
        return found.stdout.strip()

    def kill_daemon(self, host: Host, daemon: str) -> None:
        """kill -9, and wait until its supervisor has started another (the supervisor itself has none)."""
        pid = self.pid(host, daemon)
        host.run("kill", "-9", pid, check=True)
        if daemon != "hashelld":
            wait_for(f"a new {daemon}", lambda: not is_on(host.number) or self.pid(host, daemon) not in ("", pid), 60)

    @contextlib.contextmanager
    def writing(self, *hosts: Host) -> Iterator[None]:
        """Small changes are made on the hosts (all, when none is named) meanwhile, at most until `verify` ends them."""
        for host in hosts or tuple(self.hosts):
            host.write(f"{DIARIES}/write", "")
        try:
            yield
        finally:
            self._end_writing()

    def _end_writing(self) -> None:
        for host in self.hosts:
            # What lies below the mount must not be changed under it: only while the host is off.
            below = HOME / "nodes" / str(host.number) / "upper"
            place = host.root if self.is_up(host) else below
            (place / DIARIES.lstrip("/") / "write").unlink(missing_ok=True)

    # --- what must hold

    def wait_fenced(self, host: Host) -> None:
        """Until the host was switched off and on again."""
        wait_for(f"{host.name} fenced", lambda: f"{host.number} On" in self.orders(), 240)

    def wait_idle(self, seconds: float = REST) -> None:
        def idle() -> bool:
            text = self.alive().run("crmadmin", "-D").stdout
            dc = next((host for host in self.hosts if host.name in text), None)
            return dc is not None and "S_IDLE" in dc.run("crmadmin", "-S", dc.name).stdout

        wait_for("nothing to do", lambda: idle() and idle(), seconds)

    def at_rest(self) -> bool:
        """Every watched resource is active on one host."""
        return all(len(self.oracle.where(name)) == 1 for name in self.resources)

    def state(self, host: Host) -> State | None:
        text = host.run("cibadmin", "--query", "--local").stdout
        found = re.search(r'<cib [^>]*?\bepoch="(\d+)"', text), re.search(r'<cib [^>]*?\badmin_epoch="(\d+)"', text)
        configuration = re.search(r"<configuration.*</configuration>", text, re.DOTALL)
        if not (found[0] and found[1] and configuration):
            return None
        return State((int(found[1][1]), int(found[0][1])), configuration[0])

    def same(self) -> State | None:
        """What all nodes show, None while they differ."""
        states = [self.state(host) for host in self.hosts]
        return states[0] if states[0] is not None and all(state == states[0] for state in states) else None

    def verify(self, since: float | None = None, seconds: float = REST, *, once: bool = True) -> None:
        """The criterion of the module, for what happened after `since` (uptime); `once`: resources were never active
        twice, which takes fencing where a node cannot be asked."""
        deadline = time.monotonic() + seconds
        self.wait_online()
        wait_for("every resource active once", self.at_rest, max(1.0, deadline - time.monotonic()))
        self._end_writing()
        self.wait_idle(max(1.0, deadline - time.monotonic()))
        final = wait_for("the same CIB on all nodes", self.same, 30)
        twice = self.oracle.active_twice(self.began if since is None else since) if once else []
        assert not twice, twice
        back = self.oracle.went_back(final.version)
        assert not back, back
        missing = [ident for ident in self.oracle.acknowledged() if f'"{ident}"' not in final.configuration]
        assert not missing, f"acknowledged and lost: {missing}"
        for host in self.hosts:
            for log in _LOGS:
                text = host.read(log)
                assert "Traceback" not in text, f"{host.name}: {text[text.index('Traceback') - 300 :][:3000]}"
            assert "Traceback" not in host.read(f"{DIARIES}/watcher.out"), host.read(f"{DIARIES}/watcher.out")

    def begun(self, resource: str, action: str, since: float, *hosts: Host) -> list[float]:
        """When the action of the resource was begun on the hosts."""
        events = self.oracle.events(since, *hosts)
        return [e.at for e in events if (e.resource, e.action, e.phase) == (resource, action, "begin")]

    def confirmed(self, host: Host) -> float:
        """When the power switch had confirmed its last order for the host, by the hosts' uptime."""
        return self.last_order(host).ended - time.time() + uptime()

    def said(self, host: Host, pattern: str, since: float) -> list[float]:
        """When (uptime) lines of the host's log that the pattern matches were written, after `since`."""
        found = []
        for line in host.read(_LOGS[0]).splitlines():
            if re.search(pattern, line) and (match := _STAMP.match(line)):
                when = datetime.datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").timestamp() + int(match[2]) / 1000
                found.append(when - time.time() + uptime())
        return [at for at in found if at >= since]


def _dead(process: Path) -> bool:
    """No process of the namespace is left when its first one only waits to be reaped."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
