"""cmap: the typed key store of a node, its trackers, and the agreement on config_version (spec totem.md 5.3, 6.4)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hashell.stack.effects import Effect, LogLine
from hashell.stack.membership.cmap import messages as m
from hashell.stack.membership.cmap.values import FORMATS, CmapType, CmapValue, number, size_fits, text
from hashell.stack.membership.effects import KeyChanged, Refused, Stop
from hashell.stack.membership.totem.packets import RingId

DELETE, MODIFY, ADD, PREFIX = 1, 2, 4, 8
INVALID_PARAM, ACCESS, NOT_EXIST, NAME_TOO_LONG, EXIT_VERSION = 7, 11, 12, 13, 18
MIN_NAME, MAX_NAME = 3, 255
_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:-")

READ_ONLY_PREFIXES = (
    "internal_configuration.",
    "runtime.services.",
    "runtime.config.",
    "runtime.totem.",
    "uidgid.config.",
    "system.",
    "nodelist.",
    "totem.crypto_",
)
READ_ONLY_KEYS = tuple(
    f"totem.{k}"
    for k in (
        "keyfile", "key", "secauth", "ip_version", "rrp_mode", "transport", "cluster_name", "netmtu", "threads",
        "version", "nodeid", "clear_node_high_bit",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Track:
    """One subscription; `bits` of DELETE, MODIFY, ADD, PREFIX."""

    client: int
    name: str
    bits: int


class Cmap:
    """The store and its ring side. `send` multicasts a service message."""

    service_id = m.SERVICE

    def __init__(self, me: int, out: list[Effect], send: Callable[[bytes], None], config_version: int) -> None:
        self.me = me
        self.out = out
        self.send = send
        self.values: dict[str, CmapValue] = {}
        self.tracks: dict[int, Track] = {}
        self._next_track = 1
        self.version = config_version
        self._highest = 0
        self._checked = False
        self._trans: tuple[int, ...] = ()

    # ------------------------------------------------------------------ store

    def put(self, name: str, value: CmapValue) -> None:
        """Store without asking who may; tells the trackers of a change."""
        old = self.values.get(name)
        if old == value:
            return
        self.values[name] = value
        self._notify(name, MODIFY if old else ADD, value, old)

    def put_number(self, name: str, kind: CmapType, value: int) -> None:
        self.put(name, number(kind, value))

    def put_text(self, name: str, value: str) -> None:
        self.put(name, text(value))

    def drop(self, name: str) -> None:
        old = self.values.pop(name, None)
        if old is not None:
            self._notify(name, DELETE, None, old)

    def replace_all(self, fresh: Mapping[str, CmapValue], prefixes: tuple[str, ...]) -> None:
        """Make the keys below `prefixes` exactly `fresh` (a reloaded configuration)."""
        for name in sorted(self.values):
            if name.startswith(prefixes) and name not in fresh:
                self.drop(name)
        for name, value in fresh.items():
            self.put(name, value)

    def get(self, name: str) -> CmapValue:
        """Raises Refused(12) for a key that is not there."""
        value = self.values.get(name)
        if value is None:
            raise Refused(NOT_EXIST)
        return value

    def number_of(self, name: str, default: int = 0) -> int:
        """A numeric key's value, or the default."""
        value = self.values.get(name)
        found = value.python() if value else default
        return int(found) if isinstance(found, int | float) else default

    def names(self, prefix: str = "") -> list[str]:
        return [n for n in sorted(self.values) if n.startswith(prefix)]

    def _check_name(self, name: str) -> None:
        if len(name) > MAX_NAME:
            raise Refused(NAME_TOO_LONG)
        if len(name) < MIN_NAME or not _CHARS.issuperset(name):
            raise Refused(INVALID_PARAM)

    def set(self, name: str, kind: int, data: bytes) -> None:
        """A client's set. Raises Refused: 7 bad name, type or size, 11 read-only, 13 name too long."""
        self._check_name(name)
        if is_read_only(name):
            raise Refused(ACCESS)
        if kind not in CmapType.__members__.values() or not size_fits(CmapType(kind), len(data)):
            raise Refused(INVALID_PARAM)
        if kind == CmapType.STRING:
            # Clients send text without its end and read it with one.
            data = data.partition(b"\0")[0] + b"\0"
        self.put(name, CmapValue(CmapType(kind), data))

    def delete(self, name: str) -> None:
        """A client's delete. Raises Refused: 11 read-only, 12 not there."""
        if is_read_only(name):
            raise Refused(ACCESS)
        if name not in self.values:
            raise Refused(NOT_EXIST)
        self.drop(name)

    def adjust(self, name: str, step: int) -> None:
        """Add to an integer key. Raises Refused: 7 no integer, 11 read-only, 12 not there."""
        if is_read_only(name):
            raise Refused(ACCESS)
        value = self.get(name)
        if value.type not in FORMATS or value.type in (CmapType.FLOAT, CmapType.DOUBLE):
            raise Refused(INVALID_PARAM)
        size = len(value.data) * 8
        total = int(value.python()) + step
        self.put(name, CmapValue(value.type, struct.pack("<Q", total % (1 << 64))[: size // 8]))

    # --------------------------------------------------------------- tracking

    def track(self, client: int, name: str, bits: int) -> int:
        """Subscribe; returns the track's number. Raises Refused(7) for a name that cannot be a key."""
        if not bits & (ADD | DELETE | MODIFY) or (not name and not bits & PREFIX):
            raise Refused(INVALID_PARAM)
        if name and not bits & PREFIX:
            self._check_name(name)
        handle = self._next_track
        self._next_track += 1
        self.tracks[handle] = Track(client, name, bits)
        return handle

    def untrack(self, handle: int) -> None:
        """Raises Refused(12) for a track that is not there."""
        if self.tracks.pop(handle, None) is None:
            raise Refused(NOT_EXIST)

    def disconnect(self, client: int) -> None:
        for handle in [h for h, t in self.tracks.items() if t.client == client]:
            del self.tracks[handle]

    def announce(self, name: str, new: CmapValue, old: CmapValue) -> None:
        """A value of the stats map, which is not kept here, has changed: tell those who track it there."""
        for handle, track in self.tracks.items():
            fits = name.startswith(track.name) if track.bits & PREFIX else name == track.name
            if track.name.startswith("stats.") and fits and track.bits & MODIFY:
                self.out.append(
                    KeyChanged(
                        track.client, handle, MODIFY, name, int(new.type), new.data, int(old.type), old.data
                    )
                )

    def _notify(self, name: str, event: int, new: CmapValue | None, old: CmapValue | None) -> None:
        for handle, track in self.tracks.items():
            matches = name.startswith(track.name) if track.bits & PREFIX else name == track.name
            if matches and track.bits & event:
                self.out.append(
                    KeyChanged(
                        track.client, handle, event, name,
                        int(new.type) if new else 0, new.data if new else b"",
                        int(old.type) if old else 0, old.data if old else b"",
                    )
                )  # fmt: skip

    # ------------------------------------------------------------------- ring

    def members_changed(self, members: tuple[int, ...], addresses: Mapping[int, Sequence[str]]) -> None:
        """Keep runtime.members.* as of a regular configuration."""
        words = (n.split(".")[2] for n in self.names("runtime.members."))
        known = sorted({int(word) for word in words if word.isdigit()})
        for node in known:
            if node not in members:
                self.put_text(f"runtime.members.{node}.status", "left")
        for node in members:
            prefix = f"runtime.members.{node}."
            status = self.values.get(prefix + "status")
            if status is None or status.python() != "joined":
                links = enumerate(addresses.get(node, ("",)))
                self.put_text(prefix + "ip", "".join(f"r({number}) ip({address}) " for number, address in links))
                count = self.number_of(prefix + "join_count") + 1
                self.put_number(prefix + "join_count", CmapType.U32, count)
                self.put_text(prefix + "status", "joined")

    def message(self, fn: int, nodeid: int, data: bytes) -> None:
        decoded = m.decode_version(data) if fn == m.MCAST else None
        if decoded is None:
            return
        _, version = decoded
        self.put_number(f"runtime.members.{nodeid}.config_version", CmapType.U64, version)
        if nodeid != self.me:
            self._highest = max(self._highest, version)

    def new_version(self, version: int) -> None:
        """The configuration was read again: tell the others its version."""
        if version != self.version:
            self.version = version
            self.send(m.encode_version(m.REASON_NEW_VERSION, version))

    def sync_init(self, trans: tuple[int, ...], members: tuple[int, ...], ring: RingId) -> None:
        self._trans = tuple(x for x in members if x != self.me)
        self._highest = 0

    def sync_process(self) -> bool:
        self.send(m.encode_version(m.REASON_SYNC, self.version))
        return True

    def sync_activate(self) -> None:
        if not self._trans or self._checked:
            return
        self._checked = True
        if self.version and self._highest != self.version:
            reason = (
                f"Received config version ({self._highest}) is different than my config version "
                f"({self.version})! Exiting"
            )
            self.out.append(LogLine("error", reason))
            self.out.append(Stop(EXIT_VERSION, reason))

    def sync_abort(self) -> None:
        """The next init begins anew."""


def is_read_only(name: str) -> bool:
    """May clients not change this key (section 6.4)?"""
    return name.startswith(READ_ONLY_PREFIXES) or name in READ_ONLY_KEYS
