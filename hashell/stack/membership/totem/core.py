"""The totem single ring protocol: membership by consensus, and the inputs of the whole state machine.

Theory of operation (spec totem.md section 1). A node that lost the token, or hears of a foreign ring, gathers: it
multicasts whom it sees (`proc_list`) and whom it gave up (`failed_list`) until all it sees say the same. The
lowest of them then sends a commit token round (COMMIT), old messages are recovered (RECOVERY) and the ring is
installed (OPERATIONAL). Any failure on the way leads back to GATHER.

    state        token lost   join              foreign frame   commit token        token
    OPERATIONAL  gather 2     process           gather 7        drop                order, deliver
    GATHER       gather 3     process           gather 8        commit if agreed    drop
    COMMIT       gather 4     gather 13         drop            recover if lap 2    drop
    RECOVERY     gather 5     gather 14         drop            rep: first token    recover, install
"""

from __future__ import annotations

from hashell.stack.membership.effects import FlushSockets
from hashell.stack.membership.totem.packets import (
    COMMIT_TOKEN,
    JOIN,
    MCAST,
    MERGE_DETECT,
    ORF_TOKEN,
    Join,
    MergeDetect,
    decode_cancel,
    decode_commit,
    decode_join,
    decode_merge,
    decode_token,
    packet_type,
)
from hashell.stack.membership.totem.recovery import Recovery
from hashell.stack.membership.totem.variables import (
    GATHER_REASONS,
    MASK,
    State,
    lt,
    lte,
    merge_into,
    minus,
)

_SMOOTHING = 0.05


class Totem(Recovery):
    """One node's end of the ring. Effects go to the list `out` given at creation, in order."""

    # ----------------------------------------------------------------- inputs

    def start(self, now: float) -> None:
        """The transport is ready: look for others."""
        self.started = True
        self.pause_stamp = now
        self._set("pause")
        self.gather_enter(15)

    def packet(self, data: bytes, now: float) -> None:
        """One datagram. Raises PacketError, without any effect, for one that is no totem packet."""
        kind = packet_type(data)
        if not self.started:
            return
        self.received[kind] += 1
        if kind == MCAST:
            self.receive_mcast(data)
        elif kind == ORF_TOKEN:
            before = self.rotations
            self.receive_token(decode_token(data))
            if self.rotations != before:
                self._measure(now)
        elif kind == JOIN:
            self.receive_join(decode_join(data), now)
        elif kind == COMMIT_TOKEN:
            self.receive_commit(decode_commit(data))
        elif kind == MERGE_DETECT:
            self.receive_merge(decode_merge(data))
        else:
            self.receive_cancel(decode_cancel(data))

    def _measure(self, now: float) -> None:
        self.stall = 0.0
        if self.token_seen:
            self.rotation_time += (now - self.token_seen - self.rotation_time) * _SMOOTHING
        self.token_seen = now

    def stalled(self, seconds: float) -> None:
        """This node did not run for so long: a token that is lost now is no peer's fault."""
        self.stall += seconds

    def timer(self, name: str, now: float) -> None:
        """A timer that was asked for has run out."""
        if not self._running.get(name):
            return
        self._running[name] = False
        if name == "pause":
            self.pause_stamp = now
            self._set("pause")
        elif name in ("token", "heartbeat"):
            self._token_lost()
        elif name == "retransmit":
            if self.state is not State.GATHER:
                self._resend_token()
                self._set("retransmit")
        elif name == "hold":
            if self.state in (State.OPERATIONAL, State.RECOVERY):
                self._resend_token()
        elif name == "join":
            if self.state in (State.GATHER, State.COMMIT):
                self._send_join()
                self._set("join")
        elif name == "send_join":
            if self.state is State.GATHER:
                self._send_join()
        elif name == "consensus":
            self._consensus_expired()
        elif name == "merge":
            if self.state is State.OPERATIONAL and self._is_rep():
                self._multicast(MergeDetect(self.me, self.me, self.ring_id).encode())
        elif name == "warning":
            waited = round(self.config.token * self.config.token_warning * 10)
            self._log("notice", f"Token has not been received in {waited} ms ")

    def leave(self) -> None:
        """Tell everybody that this node goes (voluntary leave)."""
        others = [x for x in self.proc_list if x != self.me]
        self._multicast(Join(0, self.me, others, [*self.failed_list, self.me], self.ring_id.seq).encode())
        self.started = False

    def force_gather(self) -> None:
        """As if the token had been lost (cmap key runtime.force_gather)."""
        self._token_lost()

    # ----------------------------------------------------------------- gather

    def _token_lost(self) -> None:
        self.counts[f"{self.state.name.lower()}_token_lost"] += 1
        if self.state is State.OPERATIONAL:
            cause = "a processor failed"
            if self.stall:
                cause = f"this node did not run for {self.stall:.1f} s"
            self._log("notice", f"Token has not been received for {round(self.config.token * 1000)} ms, "
                      f"{cause}, forming new configuration")  # fmt: skip
            self.gather_enter(2)
        elif self.state is State.GATHER:
            self._consensus_expired()
            self.gather_enter(3)
        elif self.state is State.COMMIT:
            self.gather_enter(4)
        else:
            self.restore_old_ring()
            self.gather_enter(5)
            self.token_discard = True

    def gather_enter(self, reason: int) -> None:
        self.token_discard = True
        self.originated_token = False
        self.counts["gather_entered"] += 1
        self.consecutive_gathers += 1
        merge_into(self.proc_list, [self.me])
        if self.config.send_join:
            self._set("send_join")
        else:
            self._send_join()
        self._set("join")
        self._set("consensus")
        self._cancel_token_timers()
        self._cancel("merge")
        self._cancel("hold")
        self.consensus = [self.me]
        self.token_held = False
        self.state = State.GATHER
        self._log("debug", f"entering GATHER state from {reason}({GATHER_REASONS.get(reason, '?')})")

    def _agreed(self) -> bool:
        return all(x in self.consensus for x in minus(self.proc_list, self.failed_list))

    def _consensus_expired(self) -> None:
        if self._agreed():
            self.consensus = [self.me]
            self._set("token")
            return
        self.counts["consensus_timeouts"] += 1
        merge_into(self.failed_list, minus(self.proc_list, self.consensus))
        self.gather_enter(0)

    # ------------------------------------------------------------------ joins

    def receive_join(self, join: Join, now: float) -> None:
        if self._paused(now):
            return
        self.token_ring_id_seq = max(self.token_ring_id_seq, join.ring_seq)
        sender = join.system_from
        if self.state is State.OPERATIONAL:
            if self.me in join.failed or (sender in self.memb_list and join.ring_seq < self.ring_id.seq):
                return
            self._process_join(join)
        elif self.state is State.GATHER:
            self._process_join(join)
        elif sender in self.new_memb_list and join.ring_seq >= self.ring_id.seq:
            recovering = self.state is State.RECOVERY
            self._note_leave(join)
            if sender not in self.failed_list:
                self._merge_join(join)
            if recovering:
                self.restore_old_ring()
            self.gather_enter(14 if recovering else 13)

    def _paused(self, now: float) -> bool:
        """This process did not run for a while: what it reads now is old (section 1.6, pause detection)."""
        late = now - self.pause_stamp
        if late <= self.config.token / 2:
            return False
        self._log("notice", f"Process pause detected for {round(late * 1000)} ms, flushing membership messages.")
        self.pause_stamp = now
        self._set("pause")
        self.out.append(FlushSockets())
        return True

    def _note_leave(self, join: Join) -> None:
        if not join.nodeid and join.failed:
            merge_into(self.leave_list, [join.failed[-1]])

    def _process_join(self, join: Join) -> None:
        """Section 1.7, process(join), with one difference: a join that teaches nothing new does not begin the
        gathering again. Three nodes that disagree for good about whom they gave up would answer each join with a
        join of their own, restarting the consensus timer that is to end it."""
        self._note_leave(join)
        sender = join.system_from
        if set(join.proc) == set(self.proc_list) and set(join.failed) == set(self.failed_list):
            if join.nodeid:
                merge_into(self.consensus, [sender])
            if self._agreed() and self._commit_if_mine():
                return
        elif not self._subset(join) and sender not in self.failed_list:
            known = (len(self.proc_list), len(self.failed_list))
            self._merge_join(join)
            if self.state is State.OPERATIONAL or known != (len(self.proc_list), len(self.failed_list)):
                self.gather_enter(11)
            return
        if self.state is State.OPERATIONAL:
            self.gather_enter(12)

    def _commit_if_mine(self) -> bool:
        if self.failed_to_recv:
            self.failed_to_recv = False
            self.proc_list = [self.me]
            self.failed_list = []
        elif self.me != min(minus(self.proc_list, self.failed_list), default=0):
            return False
        self.commit_enter(self.commit_create())
        return True

    def _subset(self, join: Join) -> bool:
        if len(join.proc) > len(self.proc_list) or len(join.failed) > len(self.failed_list):
            return False
        return set(join.proc) <= set(self.proc_list) and set(join.failed) <= set(self.failed_list)

    def _merge_join(self, join: Join) -> None:
        merge_into(self.proc_list, join.proc)
        if self.me in join.failed:
            merge_into(self.failed_list, [join.system_from])
        elif join.system_from in self.memb_list:
            merge_into(self.failed_list, join.failed)

    # ------------------------------------------------------------- invariants

    def check_invariants(self) -> None:
        """Raise AssertionError where the variables contradict the protocol."""
        assert lte(self.high_delivered, self.high_seq_received) or self.state is not State.OPERATIONAL
        assert not lt(self.high_seq_received, self.aru), "all-received-up-to beyond the highest received"
        if self.state is State.OPERATIONAL and self.started and self.memb_list:
            assert self.me in self.memb_list
            assert self.ring_id.rep == min(self.memb_list)
            assert self.high_delivered == self.aru or lt(self.high_delivered, self.aru)
        if self.state is State.RECOVERY:
            assert self.saved
            assert set(self.trans_memb_list) <= set(self.new_memb_list)
        assert len(set(self.proc_list)) == len(self.proc_list)
        assert 0 <= self.this_seqno <= MASK
