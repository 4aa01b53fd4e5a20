"""How the owner of a fencing operation brings it to its end: ask all peers, choose, have it done, choose again. Pure.

Rules (daemons specification, section 5.3):

- All active fencers are asked which devices they have for the target. Without levels the operation starts as soon as
  a peer that is not the target offers a verified device, else when all have answered or 1.2 x timeout is over. With
  levels it starts when every device of every level is offered by somebody else than the target, else likewise.
- Choice: a peer that is not the target with a verified device; after all answers one with an unverified device; at
  last the target itself (not for `on`). Among equals the one with more devices, then the one that answered first.
- A peer that fails, does not answer in time or leaves is not asked again for that device.
- With levels, all devices of a level must succeed in order; otherwise the next level is tried. A reboot by a level
  with several devices is `off` for all, then `on` for all, whose failures do not count.
- The requested delay holds for the first device of the first level only.

State of one operation (Drive): asking (not `started`) -> executing (`peer` set) -> ended (dropped by the caller).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from hashell.model.outcomes import ExecStatus
from hashell.model.values import integer_of
from hashell.model.xmltext import representable
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.stonithd import protocol
from hashell.stack.stonithd.effects import SendPeers
from hashell.stack.stonithd.operation import NO_DEVICE, SUCCESS, FenceOp, Outcome, State

TIMEOUT_SHARE = 1.2


@dataclass(frozen=True)
class Offer:
    """One device a peer offers: its own timeout (None = the request's) and the longest delay, by action."""

    id: str
    verified: bool
    timeouts: dict[str, int | None]
    delays: dict[str, int]


@dataclass
class PeerAnswer:
    """What a peer has answered. `tried` holds (phase, device) that failed or are done; device '' = peer's choice."""

    host: str
    offers: dict[str, Offer]
    tried: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Drive:
    """The owner's state for one operation. Times are seconds."""

    op: FenceOp
    call: dict[str, str]  #: attributes every message about it carries
    base_timeout: int
    delay: int
    expected: list[str]
    levels: dict[int, list[str]]
    relay: str = ""
    answers: dict[str, PeerAnswer] = field(default_factory=dict)
    started: bool = False
    all_in: bool = False
    phase: str = ""  #: the action now: as requested, or off and on of a reboot in parts
    level: int = 0
    position: int = 0
    peer: str = ""
    device: str = ""
    last: Outcome | None = None
    limited: bool = False  #: the time for all levels runs
    tell: int | None = None  #: a timeout that the client is to be told; the caller takes it

    @property
    def devices(self) -> list[str]:
        return self.levels.get(self.level, [])


def begin(drive: Drive) -> list[Effect]:
    """Ask all peers."""
    op = drive.op
    drive.level = min(drive.levels, default=0)
    drive.phase = _first_phase(drive)
    query = etree.Element("stonith_command", t=protocol.TYPE, st_op="st_query")
    for name in ("st_callid", "st_callopt"):
        query.set(name, drive.call[name])
    query.set("st_remote_op", op.id)
    if drive.relay:
        query.set("st_remote_op_relay", drive.relay)
    query.set("st_target", op.target)
    query.set("st_device_action", op.action)
    query.set("st_origin", op.origin)
    query.set("st_clientid", op.client_id)
    query.set("st_clientname", representable(op.client_name))
    query.set("st_timeout", str(drive.base_timeout))
    return [SendPeers(query), SetTimer(f"op:query:{op.id}", TIMEOUT_SHARE * drive.base_timeout)]


def answered(drive: Drive, host: str, answer: etree._Element) -> list[Effect]:
    """A peer's reply to the query."""
    if host in drive.answers:
        return []
    offers = {}
    for item in answer.iter("st_device_id"):
        if (ident := item.get("id")) and item.get("st_action_disallowed") != "true":
            offers[ident] = _read_offer(ident, item, drive.op.action)
    drive.answers[host] = PeerAnswer(host, offers)
    _count(drive)
    if drive.started:
        return _advance(drive) if not drive.peer else []
    if not (drive.all_in or _enough(drive)):
        return []
    return _start(drive)


def query_over(drive: Drive) -> list[Effect]:
    """The time for answers is over: use what is there."""
    drive.all_in = True
    if not drive.started:
        return _start(drive)
    return _advance(drive) if not drive.peer else []


def executed(drive: Drive, host: str, outcome: Outcome) -> list[Effect]:
    """The peer that was told to do it has ended."""
    if host != drive.peer:
        return []
    effects: list[Effect] = [CancelTimer(f"op:peer:{drive.op.id}")]
    drive.answers[host].tried.append((drive.phase, drive.device))
    drive.peer = ""
    drive.op.delegate = host  # of a failure as well: who tried last
    if outcome.ok:
        return effects + _succeeded(drive)
    drive.last = outcome
    effects.append(LogLine("warning", f"{_what(drive)} by {host} failed: {outcome.reason or outcome.status.name}"))
    return effects + _advance(drive)


def peer_lost(drive: Drive, host: str) -> list[Effect]:
    """A peer is gone: do not wait for it. The target going away is no news about the operation on it."""
    if host in drive.expected and host not in drive.answers:
        drive.expected.remove(host)
        _count(drive)
        if drive.all_in and not drive.started:
            return _start(drive)
    if host == drive.peer:
        reason = "The node that was fencing is gone"
        return executed(drive, host, Outcome(ExecStatus.NOT_CONNECTED, 1, reason))
    if host in drive.answers:
        drive.answers[host].offers.clear()
    return []


def end(drive: Drive, outcome: Outcome) -> list[Effect]:
    """Tell all fencers how it ended; each, ourselves too, then closes its record."""
    op = drive.op
    if op.outcome is not None:
        return []
    op.outcome = outcome
    op.state = State.DONE if outcome.ok else State.FAILED
    timers: list[Effect] = [CancelTimer(f"op:{kind}:{op.id}") for kind in ("query", "peer", "total")]
    return [*timers, SendPeers(protocol.fence_broadcast(op))]


def _what(drive: Drive) -> str:
    with_device = f" with {drive.device}" if drive.device else ""
    return f"{drive.phase} of {drive.op.target}{with_device}"


def _count(drive: Drive) -> None:
    drive.all_in = drive.all_in or all(host in drive.answers for host in drive.expected)


def _read_offer(ident: str, item: etree._Element, action: str) -> Offer:
    timeouts: dict[str, int | None] = {}
    delays: dict[str, int] = {}
    children = {child.get("id") or "": child for child in item.iterfind("st_device_action")}
    for name, source in {action: item, **children}.items():
        timeouts[name] = integer_of(source, "st_action_timeout") or None
        delays[name] = max(integer_of(source, "st_delay_max"), integer_of(source, "st_delay_base"))
    return Offer(ident, item.get("st_monitor_verified") == "1", timeouts, delays)


def _first_phase(drive: Drive) -> str:
    return "off" if drive.op.action == "reboot" and len(drive.devices) > 1 else drive.op.action


def _is_target(drive: Drive, host: str) -> bool:
    return host.lower() == drive.op.target.lower()


def _enough(drive: Drive) -> bool:
    others = [a for a in drive.answers.values() if not _is_target(drive, a.host)]
    if not drive.levels:
        return any(offer.verified for answer in others for offer in answer.offers.values())
    wanted = [device for devices in drive.levels.values() for device in devices]
    return all(any(device in answer.offers for answer in others) for device in wanted)


def _start(drive: Drive) -> list[Effect]:
    drive.started = True
    drive.op.state = State.EXECUTING
    return _advance(drive)


def _choose(drive: Drive) -> PeerAnswer | None:
    """The best peer that has not been tried for what is to be done now."""
    device = drive.devices[drive.position] if drive.levels else ""

    def fits(answer: PeerAnswer, verified: bool | None) -> bool:
        if (drive.phase, device) in answer.tried:
            return False
        offers = [o for o in answer.offers.values() if not device or o.id == device]
        return any(verified is None or o.verified for o in offers)

    ranked = sorted(drive.answers.values(), key=lambda a: -len(a.offers))
    others = [a for a in ranked if not _is_target(drive, a.host)]
    itself = [a for a in ranked if _is_target(drive, a.host)]
    rounds: list[tuple[list[PeerAnswer], bool | None]] = [(others, True)]
    if drive.all_in:
        rounds.append((others, None))
        if drive.phase != "on":
            rounds.append((itself, None))
    elif drive.levels:
        rounds.append((others, None))
    return next((a for group, verified in rounds for a in group if fits(a, verified)), None)


def _advance(drive: Drive) -> list[Effect]:
    """Have the next step done, or go to the next level, or give up."""
    while True:
        chosen = _choose(drive)
        if chosen is not None:
            return _order(drive, chosen)
        if not drive.all_in:
            return []
        if drive.phase == "on" and drive.op.action == "reboot":
            drive.position += 1  # the node is off already: an `on` that nobody can do does not count
            if drive.position >= len(drive.devices):
                return end(drive, SUCCESS)
            continue
        higher = [number for number in drive.levels if number > drive.level]
        if not higher:
            return end(drive, drive.last or NO_DEVICE)
        drive.level, drive.position = min(higher), 0
        drive.phase = _first_phase(drive)


def _succeeded(drive: Drive) -> list[Effect]:
    drive.position += 1
    if not drive.levels:
        return end(drive, SUCCESS)
    if drive.position < len(drive.devices):
        return _advance(drive)
    if drive.phase == "off" and drive.op.action == "reboot":
        drive.phase, drive.position = "on", 0
        return _advance(drive)
    return end(drive, SUCCESS)


def _time_of(drive: Drive, offers: list[Offer]) -> tuple[int, int]:
    """Seconds for the agents and for their delays."""
    work = sum(offer.timeouts.get(drive.phase) or drive.base_timeout for offer in offers)
    return work, sum(offer.delays.get(drive.phase, 0) for offer in offers)


def _order(drive: Drive, chosen: PeerAnswer) -> list[Effect]:
    """Tell the chosen peer to do it."""
    op = drive.op
    drive.device = drive.devices[drive.position] if drive.levels else ""
    drive.peer = chosen.host
    first = drive.position == 0 and drive.phase == _first_phase(drive) and drive.level == min(drive.levels, default=0)
    offers = [chosen.offers[drive.device]] if drive.device else list(chosen.offers.values())
    work, pause = _time_of(drive, offers)
    delay = drive.delay if first else -1
    command = etree.Element("stonith_command", t=protocol.TYPE, st_op="st_fence")
    for name in ("st_callid", "st_callopt"):
        command.set(name, drive.call[name])
    command.set("st_remote_op", op.id)
    command.set("st_target", op.target)
    command.set("st_device_action", drive.phase)
    command.set("st_origin", op.origin)
    command.set("st_clientid", op.client_id)
    command.set("st_clientname", representable(op.client_name))
    command.set("st_timeout", str(work))
    command.set("st_delay", str(delay))
    if drive.device:
        command.set("st_device_id", drive.device)
    limit = TIMEOUT_SHARE * (max(delay, 0) + work + pause)
    effects: list[Effect] = [LogLine("notice", f"{_what(drive)} is asked of {chosen.host}")]
    if not drive.levels:
        drive.tell = round(limit)
    elif not drive.limited:
        drive.limited = True
        whole = _whole_time(drive)
        drive.tell = round(whole)
        effects.append(SetTimer(f"op:total:{op.id}", whole))
    return [*effects, SendPeers(command, chosen.host), SetTimer(f"op:peer:{op.id}", limit)]


def _whole_time(drive: Drive) -> float:
    """Seconds that all devices of all levels may take together."""
    best: dict[str, float] = {}
    for answer in drive.answers.values():
        for offer in answer.offers.values():
            work, pause = _time_of(drive, [offer])
            best[offer.id] = max(best.get(offer.id, 0.0), work + pause)
    devices = [device for level in drive.levels.values() for device in level]
    phases = 2 if drive.op.action == "reboot" else 1
    return TIMEOUT_SHARE * (max(drive.delay, 0) + phases * sum(best.get(d, drive.base_timeout) for d in devices))
