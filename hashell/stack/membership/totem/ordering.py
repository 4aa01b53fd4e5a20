"""Total order on one ring: the regular token, flow control, retransmission and delivery (spec totem.md 1.10).

Every frame gets its sequence number from the token; a frame is delivered as soon as all before it are there.
The representative of an idle ring holds the token back for `hold` seconds, else it would spin.
"""

from __future__ import annotations

from hashell.stack.membership.effects import SendPacket
from hashell.stack.membership.totem.packets import (
    ENCAPSULATED,
    MAGIC,
    MAX_RTR,
    MCAST,
    MCAST_FIELDS,
    MCAST_SIZE,
    NOT_ENCAPSULATED,
    VERSION,
    HoldCancel,
    Mcast,
    MergeDetect,
    OrfToken,
    PacketError,
    decode_mcast,
)
from hashell.stack.membership.totem.variables import MASK, QUEUE_SLOTS, RingState, State, lt, lte, merge_into


class Ordering(RingState):
    """The rules of a running ring. A sort queue maps sequence number to the whole packet as it was received."""

    def queue_frame(self, payload: bytes) -> None:
        """Queue one totempg packet; it goes out when the token comes."""
        self._active_queue().append(payload)

    def want_token(self) -> None:
        """Something waits to be sent: let go of a held token (section 1.10, token_hold_cancel)."""
        if self.token_held:
            self.token_held = False
            self._multicast(HoldCancel(self.me, self.ring_id).encode())

    # ------------------------------------------------------------------ mcast

    def receive_mcast(self, data: bytes) -> None:
        if len(data) < MCAST_SIZE:
            raise PacketError("short", f"mcast of {len(data)} bytes is too short")
        fields = MCAST_FIELDS.unpack_from(data)
        if fields[10] != self.ring_id.seq or fields[9] != self.ring_id.rep:
            self._foreign(fields[6])
            return
        if fields[3] == ENCAPSULATED:
            if self.state is not State.RECOVERY:
                return
            queue = self.recovery
        else:
            if self.state is State.RECOVERY:
                return
            queue = self.regular
        seq: int = fields[7]
        if seq in queue or not self._in_window(seq):
            return
        queue[seq] = data
        if lt(self.high_seq_received, seq):
            self.high_seq_received = seq
        self._update_aru(queue)
        if self.state is State.OPERATIONAL:
            self._deliver(self.high_seq_received)

    def _in_window(self, seq: int) -> bool:
        return 0 < (seq - self.last_released) & MASK < QUEUE_SLOTS

    def _foreign(self, sender: int) -> None:
        if self.state is State.OPERATIONAL:
            merge_into(self.proc_list, (sender,))
            self.gather_enter(7)
        elif self.state is State.GATHER and sender not in self.proc_list:
            merge_into(self.proc_list, (sender,))
            self.gather_enter(8)

    def receive_merge(self, message: MergeDetect) -> None:
        if message.ring == self.ring_id:
            return
        if self.state is State.OPERATIONAL:
            merge_into(self.proc_list, (message.system_from,))
            self.gather_enter(9)
        elif self.state is State.GATHER and message.system_from not in self.proc_list:
            merge_into(self.proc_list, (message.system_from,))
            self.gather_enter(10)

    def receive_cancel(self, message: HoldCancel) -> None:
        if message.ring != self.ring_id:
            return
        self.seq_unchanged = 0
        if self._is_rep() and self.state is not State.GATHER:
            self._resend_token()
            self._set("retransmit")

    def _resend_token(self) -> None:
        if self.kept_token and self.token_target:
            self.out.append(SendPacket(self.token_target, self.kept_token))

    def _update_aru(self, queue: dict[int, bytes]) -> None:
        aru = self.aru
        nxt = (aru + 1) & MASK
        while nxt in queue and lte(nxt, self.high_seq_received):
            aru = nxt
            nxt = (nxt + 1) & MASK
        self.aru = aru

    # --------------------------------------------------------------- delivery

    def _deliver(self, end: int, skip: bool = False) -> None:
        """Deliver frames up to `end`: stop at the first hole, or skip holes and frames of nodes that are not of
        the deliver list (the last part of an old ring, section 1.9)."""
        while lt(self.high_delivered, end):
            seq = (self.high_delivered + 1) & MASK
            data = self.regular.get(seq)
            if data is None:
                if not skip:
                    return
                self.high_delivered = seq
                continue
            fields = MCAST_FIELDS.unpack_from(data)
            self.high_delivered = seq
            if skip and fields[6] not in self.deliver_memb_list:
                continue
            self.upper.deliver(fields[4], data[MCAST_SIZE:])

    def _free(self, token_aru: int) -> None:
        """Forget the frames that every member has (step 5)."""
        release = token_aru
        if lt(self.last_aru, release):
            release = self.last_aru
        if lt(self.high_delivered, release):
            release = self.high_delivered
        while lt(self.last_released, release):
            self.last_released = (self.last_released + 1) & MASK
            self.regular.pop(self.last_released, None)

    # ------------------------------------------------------------------ token

    def receive_token(self, token: OrfToken) -> None:
        """Section 1.10, step by step; but frames are freed only after the check for an old token: the repeated
        token of one's predecessor carries an aru that not every member has confirmed."""
        if self.token_discard:
            return
        self._note_idle(token)
        if self.state is State.COMMIT:
            return
        if token.ring != self.ring_id:
            self._ignore("foreign-token")
            return
        if lte(token.token_seq, self.last_token_seq):
            # Mostly the predecessor's copy of a token that got through; a replayed one looks the same.
            self._ignore("old-token")
            return
        if (token.seq - self.last_released) & MASK >= QUEUE_SLOTS:
            self._log("warning", f"ignored a token with sequence number {token.seq}, too far from ours")
            self._ignore("impossible-token")
            return
        self.rotations += 1
        if self.state is State.OPERATIONAL:
            self._free(token.aru)
            self.upper.token_received()
        last_aru = self.last_aru
        self.last_aru = token.aru
        allowed = self._flow_allowed(token)
        if token.rtr:
            self._log("notice", f"Retransmit List: {' '.join(f'{seq:x}' for _, seq in token.rtr)} ")
        resent = self._retransmit(token, allowed)
        allowed -= resent
        held = self.token_held
        if self.config.cancel_token_hold_on_retransmit and held and (token.rtr or resent):
            held = self.token_held = False
        sent = self._send_queued(token, allowed)
        token.fcc = (token.fcc + resent + sent - self.trc) & MASK
        token.backlog = (token.backlog + self.cbl - self.pbl) & MASK
        self.trc = resent + sent
        self.pbl = self.cbl
        if not self._account_aru(token, last_aru):
            return
        self._forward(token, held)

    def _note_idle(self, token: OrfToken) -> None:
        if token.seq == self.last_seq:
            if not self._running.get("merge"):
                self._set("merge")
            self.seq_unchanged += 1
        else:
            self._cancel("merge")
            self._cancel("hold")
            self.seq_unchanged = 0
        self.last_seq = token.seq
        limit = self.config.seqno_unchanged_const
        self.token_held = self.seq_unchanged > limit if self._is_rep() else self.seq_unchanged >= limit

    def _flow_allowed(self, token: OrfToken) -> int:
        window = self.config.window_size
        allowed = min(self.config.max_messages, (window - token.fcc) & MASK)
        queue = self.retrans_queue if self.state is State.RECOVERY else self._active_queue()
        self.cbl = len(queue)
        total = (token.backlog + self.cbl - self.pbl) & MASK
        if total:
            share = window * self.pbl // total
            if 0 < share < allowed:
                allowed = share
        return allowed

    def _retransmit(self, token: OrfToken, allowed: int) -> int:
        """Multicast again what others miss and ask for what this node misses; how many were sent."""
        queue = self.recovery if self.state is State.RECOVERY else self.regular
        count = 0
        if token.rtr:
            rest = []
            for ring, seq in token.rtr:
                data = queue.get(seq) if ring == self.ring_id and count < allowed else None
                if data is None:
                    rest.append((ring, seq))
                else:
                    self._multicast(data)
                    count += 1
            token.rtr = rest
            self.counts["mcast_retx"] += count
        if self.aru != token.seq:
            self._ask_missing(token, queue)
        return count

    def _ask_missing(self, token: OrfToken, queue: dict[int, bytes]) -> None:
        seq = self.aru
        while lt(seq, token.seq) and len(token.rtr) < MAX_RTR:
            seq = (seq + 1) & MASK
            if seq in queue:
                continue
            missed = self.miss_count.get(seq, 0) + 1
            self.miss_count[seq] = missed
            item = (self.ring_id, seq)
            if missed >= self.config.miss_count_const and item not in token.rtr:
                token.rtr.append(item)

    def _send_queued(self, token: OrfToken, allowed: int) -> int:
        recovering = self.state is State.RECOVERY
        queue = self.retrans_queue if recovering else self._active_queue()
        if queue:
            if lt((self.last_released + QUEUE_SLOTS - allowed - self.config.window_size) & MASK, token.seq):
                allowed = 0
            store = self.recovery if recovering else self.regular
            form = ENCAPSULATED if recovering else NOT_ENCAPSULATED
            rep, ring_seq = self.ring_id
            sent = 0
            while queue and sent < allowed:
                token.seq = (token.seq + 1) & MASK
                data = MCAST_FIELDS.pack(
                    MAGIC, VERSION, MCAST, form, self.me, 0, self.me, token.seq, self.this_seqno, rep, ring_seq, 0, 0
                ) + queue.popleft()
                self.this_seqno = (self.this_seqno + 1) & 0x7FFFFFFF
                store[token.seq] = data
                self._multicast(data)
                sent += 1
            if sent:
                self.high_seq_received = token.seq
                self._update_aru(store)
            return sent
        return 0

    def _account_aru(self, token: OrfToken, last_aru: int) -> bool:
        """Step 12; False when this node gave the ring up."""
        if lt(self.aru, token.aru) or token.aru_addr in (self.me, 0):
            token.aru = self.aru
            token.aru_addr = 0 if token.aru == token.seq else self.me
        self.aru_count = self.aru_count + 1 if token.aru == last_aru and token.aru_addr else 0
        if self.miss_count and self.aru == token.seq:
            self.miss_count.clear()
        if self.aru_count > self.config.fail_recv_const and token.aru_addr == self.me:
            self._log("error", "FAILED TO RECEIVE")
            self.failed_to_recv = True
            if self.me not in self.failed_list:
                self.failed_list.append(self.me)
            self.gather_enter(6)
            return False
        self.last_token_seq = token.token_seq
        token.token_seq = (token.token_seq + 1) & MASK
        if self.state is State.RECOVERY:
            return self.recovery_token(token)
        return True

    def _forward(self, token: OrfToken, held: bool) -> None:
        token.nodeid = self.me
        token.target = self.token_target
        data = token.encode()
        self.kept_token = data
        holding = held and self._is_rep()
        if not holding:
            self.out.append(SendPacket(self.token_target, data))
        if self.state is State.OPERATIONAL and self.high_delivered != self.high_seq_received:
            self._deliver(self.high_seq_received)
        self._start_token_timers()
        if holding:
            self._set("hold")

    def recovery_token(self, token: OrfToken) -> bool:
        raise NotImplementedError

    def stored(self, seq: int) -> Mcast | None:
        """The frame held at `seq` of the current ring, for inspection."""
        data = self.regular.get(seq)
        return decode_mcast(data) if data else None
