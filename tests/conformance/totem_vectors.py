"""The captured packets of corosync: every one must decode into the recorded fields and encode to the same bytes.

`python -m tests.conformance.totem_vectors` prints the failures and, last, `totem vectors N/M`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hashell.stack.membership.cpg import messages as cpg
from hashell.stack.membership.sync import messages as sync
from hashell.stack.membership.totem import packets
from hashell.stack.membership.totem.packets import RingId
from hashell.stack.membership.totem.packing import decode_frame, encode_frame, unwrap_groups, wrap_group
from hashell.stack.membership.transport.knet import crypto as knetcrypto
from hashell.stack.membership.transport.knet import frames as knetframe
from hashell.stack.membership.votequorum import messages as votes

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "totem-vectors.json"
TYPES = ("orf_token", "mcast", "memb_merge_detect", "memb_join", "memb_commit_token", "token_hold_cancel")
CPG = ("procjoin", "procleave", "joinlist", "mcast", "downlist", "downlist", "partial mcast")
VOTES = ("nodeinfo", "reconfigure")
#: recorded for the reader, or memory of the sender that no receiver may look at
NOT_FIELDS = {"_len", "_actual_len", "hex", "hdr24", "conn", "target_nodeid", "name", "_note", "hexhead"}


def load() -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads(VECTORS.read_text())["vectors"]
    return vectors


def check(vector: dict[str, Any]) -> str:
    """'' for a vector that holds, else what does not."""
    data = bytes.fromhex(vector["hex"])
    name = vector["name"]
    try:
        if name.startswith("knet_"):
            seen, again = _knet(vector, data)
        elif name.startswith("service_"):
            seen, again = _service(vector, data)
        else:
            packet = packets.decode(data)
            seen, again = describe(packet, data), packet.encode()
    except (ValueError, AssertionError, ImportError) as error:
        return f"{name}: {type(error).__name__}: {error}"
    differences = list(_compare(vector["decoded"], seen, ""))
    if again != data:
        differences.append("encodes to other bytes")
    return f"{name}: {'; '.join(differences)}" if differences else ""


def _compare(wanted: Any, seen: Any, where: str) -> Iterator[str]:
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            if key in NOT_FIELDS:
                continue
            if not isinstance(seen, dict) or key not in seen:
                yield f"{where}{key} is missing"
            else:
                yield from _compare(value, seen[key], f"{where}{key}.")
    elif isinstance(wanted, list) and isinstance(seen, list | tuple) and len(wanted) == len(seen):
        for index, (a, b) in enumerate(zip(wanted, seen)):
            yield from _compare(a, b, f"{where}{index}.")
    elif isinstance(wanted, str) and isinstance(seen, _Text):
        if not seen.fits(wanted):
            yield f"{where[:-1]}: {seen.text!r} instead of {wanted!r}"
    elif wanted != (list(seen) if isinstance(seen, tuple) else seen):
        yield f"{where[:-1]}: {seen!r} instead of {wanted!r}"


class _Text:
    """A text that the vectors record cut short."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fits(self, wanted: str) -> bool:
        return self.text.startswith(wanted.removesuffix("..."))


def _ring(ring: RingId) -> str:
    return f"{ring.rep:x}.{ring.seq:x}"


def describe(packet: packets.Packet, data: bytes) -> dict[str, Any]:
    """The fields of a packet as the vectors write them."""
    seen: dict[str, Any] = {
        "magic": f"0x{packets.MAGIC:04x}",
        "version": packets.VERSION,
        "type": TYPES[data[3]],
        "encapsulated": packet.encapsulated,
        "nodeid": packet.nodeid,
    }
    match packet:
        case packets.Mcast():
            seen |= {
                "system_from": packet.system_from,
                "seq": packet.seq,
                "this_seqno": packet.this_seqno,
                "ring_id": _ring(packet.ring),
                "node_id": packet.node_id,
                "guarantee": packet.guarantee,
            }
            if packet.encapsulated == packets.ENCAPSULATED:
                seen["encapsulated_message"] = describe(packets.decode(packet.payload), packet.payload)
            else:
                seen["totempg"] = _frame(packet.payload)
        case packets.OrfToken():
            seen |= {k: getattr(packet, k) for k in ("seq", "token_seq", "aru", "aru_addr", "backlog", "fcc")}
            seen |= {"retrans_flg": packet.retrans_flg, "ring_id": _ring(packet.ring)}
            seen |= {"rtr_list_entries": len(packet.rtr), "rtr_list": [[_ring(r), s] for r, s in packet.rtr]}
        case packets.Join():
            seen |= {"system_from": packet.system_from, "ring_seq": packet.ring_seq}
            seen |= {"proc_list": packet.proc, "failed_list": packet.failed}
            seen |= {"proc_list_entries": len(packet.proc), "failed_list_entries": len(packet.failed)}
        case packets.CommitToken():
            seen |= {k: getattr(packet, k) for k in ("token_seq", "retrans_flg", "memb_index", "addr")}
            seen |= {"ring_id": _ring(packet.ring), "addr_entries": len(packet.addr)}
            fields = ("aru", "high_delivered", "received_flg")
            seen["memb"] = [{"ring_id": _ring(e.ring)} | {k: getattr(e, k) for k in fields} for e in packet.entries]
        case packets.MergeDetect():
            seen |= {"system_from": packet.system_from, "ring_id": _ring(packet.ring)}
        case packets.HoldCancel():
            seen["ring_id"] = _ring(packet.ring)
    return seen


def _frame(payload: bytes) -> dict[str, Any]:
    frame = decode_frame(payload)
    assert frame is not None, "totempg lengths do not add up"
    assert encode_frame(frame) == payload, "totempg encodes to other bytes"
    last = len(frame.parts) - 1
    messages: list[Any] = []
    for index, part in enumerate(frame.parts):
        if index == 0 and frame.continuation:
            messages.append(_Text(f"continuation of fragment {frame.continuation}, {len(part)} bytes"))
        elif index == last and frame.fragmented:
            messages.append(_Text(f"first/middle fragment {frame.fragmented}, {len(part)} bytes: {part.hex()}"))
        else:
            messages.append(message(part))
    return {
        "version": frame.version,
        "type": frame.type,
        "fragmented": frame.fragmented,
        "continuation": frame.continuation,
        "msg_count": len(frame.parts),
        "msg_len": [len(p) for p in frame.parts],
        "messages": messages,
    }


def message(part: bytes) -> dict[str, Any]:
    """The fields of one reassembled message."""
    unwrapped = unwrap_groups(part)
    assert unwrapped is not None, "cut group header"
    groups, body = unwrapped
    assert wrap_group(groups[0], body) == part, "group header encodes to other bytes"
    head = sync.message_id(body)
    assert head is not None, "cut service header"
    seen: dict[str, Any] = {"groups": [g.decode() for g in groups], "size": head[1]}
    if groups == [b"sync"]:
        decoded = sync.decode_sync(body)
        assert decoded is not None
        kind, ring, services = decoded
        seen |= {"kind": "sync", "id": kind, "ring_id": _ring(ring)}
        if kind == sync.SERVICE_BUILD:
            seen |= {"service_list_entries": len(services), "service_list": services}
            assert sync.encode_service_build(ring, services) == body
        else:
            assert decoded == sync.decode_sync(sync.encode_barrier(ring))
        return seen
    service, fn = head[0] >> 16, head[0] & 0xFFFF
    seen |= {"service": service, "fn": fn}
    if service == cpg.SERVICE:
        seen |= _cpg(fn, body)
    elif service == votes.SERVICE:
        seen |= _votes(fn, body)
    return seen


def _cpg(fn: int, body: bytes) -> dict[str, Any]:
    if fn in (cpg.PROCJOIN, cpg.PROCLEAVE):
        change = cpg.decode_proc(body)
        assert change and cpg.decode_proc(change.encode(fn)) == change
        return {"group": _name(change.group), "pid": change.pid, "reason": change.reason}
    if fn == cpg.MCAST:
        sent = cpg.decode_mcast(body)
        assert sent and cpg.decode_mcast(sent.encode()) == sent
        return {
            "group": _name(sent.group), "pid": sent.pid, "src": sent.source, "msglen": len(sent.data),
            "data": _Text(sent.data.decode(errors="replace")),
        }  # fmt: skip
    if fn == cpg.JOINLIST:
        entries = cpg.decode_joinlist(body)
        assert entries is not None and cpg.decode_joinlist(cpg.encode_joinlist(entries)) == entries
        return {"joinlist": [[pid, _name(group)] for pid, group in entries]}
    if fn == cpg.DOWNLIST:
        decoded = cpg.decode_downlist(body)
        assert decoded and cpg.decode_downlist(cpg.encode_downlist(*decoded)) == decoded
        return {"old_members": decoded[0], "left_nodes": len(decoded[1]), "nodeids": decoded[1]}
    return {}


def _votes(fn: int, body: bytes) -> dict[str, Any]:
    if fn == votes.NODEINFO:
        info = votes.decode_nodeinfo(body)
        assert info and votes.decode_nodeinfo(info.encode()) == info
        return {"nodeid": info.nodeid, "votes": info.votes, "expected_votes": info.expected, "flags": info.flags}
    if fn == votes.RECONFIGURE:
        change = votes.decode_reconfigure(body)
        assert change and votes.decode_reconfigure(change.encode()) == change
        return {"nodeid": change.nodeid, "value": change.value, "param": change.param}
    return {}


def _name(group: bytes) -> str:
    return group.rstrip(b"\0").decode()


def _service(vector: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """A reassembled message, some of them recorded with their data cut off."""
    unwrapped = unwrap_groups(data)
    assert unwrapped is not None
    groups, body = unwrapped
    again = wrap_group(groups[0], body)
    full = vector["decoded"].get("full_length", len(data))
    body += bytes(full - len(data))
    seen: dict[str, Any] = {"sender": vector["decoded"]["sender"], "full_length": full}
    if vector["decoded"]["fn"] == cpg.PARTIAL:
        part = cpg.decode_partial(body)
        assert part and cpg.decode_partial(part.encode()) == part
        seen |= {
            "group": _name(part.group), "msglen": part.total, "fraglen": len(part.data), "pid": part.pid,
            "type": part.kind, "source_nodeid": part.source,
        }  # fmt: skip
    return message(wrap_group(groups[0], body)) | seen, again


def _knet(vector: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    clear, outer = data, None
    if "key_hex" in vector:
        outer = knetcrypto.Crypto(vector["cipher"], vector["hash"], bytes.fromhex(vector["key_hex"]))
        clear = outer.open(data)
    frame = knetframe.decode(clear)
    seen: dict[str, Any] = {
        "kh_version": knetframe.VERSION,
        "kh_type": f"0x{frame.type:02x}",
        "kh_node": frame.node,
        "pad": "0000",
        "len": vector["decoded"]["len"] if "truncated" in vector.get("note", "") else len(clear),
        "plaintext": _Text(clear.hex()),
    }
    if isinstance(frame, knetframe.Data):
        seen |= {k: getattr(frame, k) for k in ("compress", "bcast", "frag_num", "frag_seq", "channel")}
        seen |= {"seq_num": frame.seq, "pad1": 0}
        whole = frame.user_data()
        if frame.frag_num == 1:
            key = "decompressed_totem" if frame.compress else "totem"
            seen[key] = describe(packets.decode(whole), whole)
    elif isinstance(frame, knetframe.Ping):
        seen |= {"link": frame.link, "time": frame.time.hex(), "seq_num": frame.seq, "timed": frame.timed}
    else:
        seen |= {"link": frame.link, "size": frame.size}
    again = frame.encode()
    return seen, outer.seal(again, data[: knetcrypto.SALT]) if outer else again


def main() -> int:
    vectors = load()
    failures = [text for text in map(check, vectors) if text]
    for text in failures:
        print(text)
    print(f"totem vectors {len(vectors) - len(failures)}/{len(vectors)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
