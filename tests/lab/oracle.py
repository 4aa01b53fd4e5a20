"""The oracle of the lab: watches invariants of a cluster in trouble, from outside the hosts, by one clock.

Hosts share the kernel's uptime, so what they note can be compared. Each host keeps two diaries below `DIARIES`, on the
part of its disk that the machine sees too and that survives a power loss:

- `journal`: the agent `ocf:lab:Watched` (its text is `AGENT`) notes the begin and the end of each action;
- `cib`: the program `cib_watcher.py` notes every version of the CIB that its node shows, and every change of its own
  that was acknowledged.

Theory. A resource is active on a host from the *begin* of a start that was completed to the *end* of the next stop, or
to the loss of the host's power, which the test tells. That is the longest time it can be active, so two such spans that
overlap are a resource that was active twice. Ends of starts that were never completed activate nothing, but an agent
that an executor left behind completes its start late, and is seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.peerlab import HOME, Host

DIARIES = "/var/lib/lab"
#: An acknowledgement so young (seconds) when its own node loses power need not have reached the others: a message is
#: delivered to its sender first, as by the original's ring.
UNSPREAD = 1.0
AGENT = """#!/bin/sh
# A resource for the lab: nothing but a file on a file system that a power loss empties.
: ${OCF_RESKEY_slow:=0}
state=/run/lab.$OCF_RESOURCE_INSTANCE
note() { read -r now rest </proc/uptime; echo "$now $OCF_RESOURCE_INSTANCE $1 $2" >>DIARIES/journal; }
case "$1" in
meta-data) cat <<M
<?xml version="1.0"?><resource-agent name="Watched" version="1"><version>1.1</version><longdesc lang="en">x</longdesc>
<shortdesc lang="en">A resource whose actions are noted</shortdesc><parameters>
<parameter name="slow" unique="0"><longdesc lang="en">seconds that start and stop take</longdesc>
<shortdesc lang="en">seconds</shortdesc><content type="string" default="0"/></parameter></parameters><actions>
<action name="start" timeout="120s"/><action name="stop" timeout="120s"/><action name="monitor" timeout="20s"
interval="10s"/><action name="meta-data" timeout="5s"/></actions></resource-agent>
M
;;
start) note start begin; sleep "$OCF_RESKEY_slow"; touch "$state"; note start end;;
stop) note stop begin; while [ -e "/run/lab.hang.$OCF_RESOURCE_INSTANCE" ]; do sleep 0.2; done
  [ -e "$state" ] && sleep "$OCF_RESKEY_slow"; rm -f "$state"; note stop end;;
monitor) if [ -e "$state" ]; then note monitor 0; exit 0; else note monitor 7; exit 7; fi;;
*) exit 3;;
esac
exit 0
""".replace("DIARIES", DIARIES)


def uptime() -> float:
    """Seconds since the machine was started, as all hosts count them."""
    return float(Path("/proc/uptime").read_text().split()[0])


def layer() -> Path:
    """Lower folders with the agent and the diaries' folder, to be laid over an image."""
    folder = HOME / "watched"
    agent = folder / "usr/lib/ocf/resource.d/lab/Watched"
    agent.parent.mkdir(parents=True, exist_ok=True)
    (folder / DIARIES.lstrip("/")).mkdir(parents=True, exist_ok=True)
    agent.write_text(AGENT)
    agent.chmod(0o755)
    return folder


@dataclass(frozen=True)
class Event:
    """One line of a journal: `phase` is `begin` or `end`, of a monitor its result."""

    at: float
    host: int
    resource: str
    action: str
    phase: str


@dataclass(frozen=True)
class Span:
    """When a resource may have been active on a host; `end` is infinite while it is."""

    resource: str
    host: int
    begin: float
    end: float


@dataclass
class Oracle:
    """Judges the hosts by their diaries. The test tells it which host lost its power, and when."""

    hosts: list[Host]
    losses: dict[int, list[float]] = field(default_factory=dict)

    def lost_power(self, host: Host) -> None:
        """Every process of the host is gone now."""
        self.losses.setdefault(host.number, []).append(uptime())

    def _diary(self, host: Host, name: str) -> list[list[str]]:
        file = HOME / "nodes" / str(host.number) / "upper" / DIARIES.lstrip("/") / name
        text = file.read_text() if file.exists() else ""
        # The last line may be one that is being written.
        return [line.split() for line in text.rpartition("\n")[0].splitlines()]

    # --- resources

    def events(self, since: float = 0.0, *hosts: Host) -> list[Event]:
        """What the agents did on the hosts (all, when none is named), in order of time."""
        found = [
            Event(float(at), host.number, resource, action, phase)
            for host in hosts or self.hosts
            for at, resource, action, phase in self._diary(host, "journal")
        ]
        return sorted((event for event in found if event.at >= since), key=lambda event: event.at)

    def actions(self, since: float, *hosts: Host) -> list[str]:
        """Starts and stops that were begun, as `rsc start node1`."""
        events = self.events(since, *hosts)
        return [f"{e.resource} {e.action} node{e.host}" for e in events if e.phase == "begin"]

    def spans(self) -> list[Span]:
        """Every time that a resource was active anywhere."""
        found = []
        for host in self.hosts:
            events = self.events(0.0, host)
            for resource in dict.fromkeys(event.resource for event in events):
                own = [event for event in events if event.resource == resource]
                found += self._of_one(host.number, resource, own)
        return sorted(found, key=lambda span: span.begin)

    def _of_one(self, host: int, resource: str, events: list[Event]) -> list[Span]:
        lost = [Event(at, host, resource, "power", "lost") for at in self.losses.get(host, [])]
        found, begun, active = [], 0.0, None
        for event in sorted([*events, *lost], key=lambda e: e.at):
            match event.action, event.phase:
                case "start", "begin":
                    begun = event.at
                case "start", "end" if active is None:
                    active = begun
                case ("stop", "end") | ("power", "lost") if active is not None:
                    found.append(Span(resource, host, active, event.at))
                    active = None
        if active is not None:
            found.append(Span(resource, host, active, float("inf")))
        return found

    def active_twice(self, since: float = 0.0) -> list[str]:
        """Each pair of spans of one resource on two hosts that overlap after `since`."""
        spans = [span for span in self.spans() if span.end > since]
        return [
            f"{a.resource} on node{a.host} {a.begin:.2f}-{a.end:.2f} and on node{b.host} {b.begin:.2f}-{b.end:.2f}"
            for place, a in enumerate(spans)
            for b in spans[place + 1 :]
            if a.resource == b.resource and a.host != b.host and b.begin < a.end and a.begin < b.end
        ]

    def where(self, resource: str) -> list[int]:
        """The hosts on which the resource is active now."""
        return [span.host for span in self.spans() if span.resource == resource and span.end == float("inf")]

    # --- the CIB

    def went_back(self, final: tuple[int, int]) -> list[str]:
        """Versions that fell while a CIB manager lived, and configurations (admin_epoch, epoch) beyond `final`."""
        found = []
        for host in self.hosts:
            life, last = "", (0, 0, 0)
            for at, what, *rest in self._diary(host, "cib"):
                if what == "life":
                    life, last = at, (0, 0, 0)
                elif what == "version":
                    version = tuple(int(part) for part in rest[0].split("."))
                    if version < last:
                        found.append(f"node{host.number} showed {version} at {at} after {last} (life {life})")
                    last = version
                    if version[:2] > final:
                        found.append(f"node{host.number} showed {version} at {at}, the end is {final}")
        return found

    def acknowledged(self) -> list[str]:
        """The ids of all changes that were acknowledged and had the time to be spread."""
        found = []
        for host in self.hosts:
            for at, what, *rest in self._diary(host, "cib"):
                losses = self.losses.get(host.number, [])
                if what == "acknowledged" and not any(0 <= lost - float(at) < UNSPREAD for lost in losses):
                    found.append(rest[0])
        return found
