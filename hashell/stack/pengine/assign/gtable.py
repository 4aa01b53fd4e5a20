"""Iteration order of a GLib string hash table, where the original lets it leak (scheduler actions §0.2)."""

from __future__ import annotations

from collections.abc import Iterable

_PRIMES = (1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071)
_MASK = 0xFFFFFFFF


def string_hash(key: str) -> int:
    """Pacemaker's hash of a string: signed bytes, base 31, 32 bits wide, never 0 or 1."""
    value = 0
    for byte in key.encode():
        value = (value * 31 + (byte - 256 if byte > 127 else byte)) & _MASK
    return value if value > 1 else 2


def _bucket(hash_: int, shift: int) -> int:
    return ((hash_ * 11) & _MASK) % _PRIMES[shift]


def _resized(slots: list[str | None], hashes: dict[str, int], shift: int) -> list[str | None]:
    """The slots after the table's own in-place resize to 2**shift."""
    size = 1 << shift
    slots = slots + [None] * max(0, size - len(slots))
    settled = [False] * len(slots)
    for start in range(len(slots)):
        entry = slots[start]
        if entry is None or settled[start]:
            continue
        slots[start] = None
        moving: str | None = entry
        while moving is not None:
            index, step = _bucket(hashes[moving], shift), 0
            while settled[index]:
                step += 1
                index = (index + step) & (size - 1)
            settled[index] = True
            slots[index], moving = moving, slots[index]
    return slots[:size]


def iteration_order(keys: Iterable[str]) -> list[str]:
    """The order in which a table walks over `keys` after they were inserted in the given order, none removed."""
    shift = 3
    slots: list[str | None] = [None] * 8
    hashes: dict[str, int] = {}
    for key in keys:
        if key in hashes:
            continue
        hashes[key] = string_hash(key)
        index, step = _bucket(hashes[key], shift), 0
        while slots[index] is not None:
            step += 1
            index = (index + step) & ((1 << shift) - 1)
        slots[index] = key
        count = len(hashes)
        if (1 << shift) <= count + count // 16:
            shift = max(3, int(count * 1.333).bit_length())
            slots = _resized(slots, hashes, shift)
    return [slot for slot in slots if slot is not None]
