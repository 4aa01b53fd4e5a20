"""From one ring to the next: commit token, recovery of old messages, installing the ring (spec totem.md 1.8, 1.9).

The commit token makes two laps: the first collects what each member holds of its old ring, the second tells
everybody. Members of one old ring then exchange, encapsulated, the old messages that not all of them have, and
install the new ring together when two more rotations show that nobody misses any.
"""

from __future__ import annotations

from hashell.stack.membership.effects import SendPacket, StoreRingId
from hashell.stack.membership.totem.ordering import Ordering
from hashell.stack.membership.totem.packets import (
    ENCAPSULATED,
    MCAST_FIELDS,
    MCAST_SIZE,
    CommitEntry,
    CommitToken,
    OrfToken,
    RingId,
)
from hashell.stack.membership.totem.variables import MASK, QUEUE_SLOTS, State, lt, lte, minus

PATIENCE = 100  #: token visits; each brings at least one message nearer while there are any


class Recovery(Ordering):
    """COMMIT, RECOVERY and the entry to OPERATIONAL."""

    # ----------------------------------------------------------------- commit

    def commit_create(self) -> CommitToken:
        """The representative's token for the ring that was agreed."""
        members = sorted(minus(self.proc_list, self.failed_list))
        ring = RingId(self.me, self.token_ring_id_seq + 4)
        return CommitToken(self.me, ring, members, [CommitEntry() for _ in members])

    def commit_enter(self, token: CommitToken) -> None:
        self.counts["commit_entered"] += 1
        if not self.saved:
            self.old_ring_id = self.ring_id
            self.old_aru = self.aru
            self.old_high = self.high_seq_received
            self.saved = True
        self._fill_entry(token)
        self.token_target = token.addr[token.memb_index % len(token.addr)]
        self._send_commit(token)
        self._cancel("join")
        self._cancel("send_join")
        self._cancel("consensus")
        self.ring_id = token.ring
        self.out.append(StoreRingId(token.ring.seq))
        self.token_ring_id_seq = token.ring.seq
        self.state = State.COMMIT
        self._start_token_timers()
        self.trc = self.pbl = self.cbl = 0

    def _fill_entry(self, token: CommitToken) -> None:
        self.new_memb_list = list(token.addr)
        entry = token.entries[token.memb_index]
        entry.ring = self.old_ring_id
        entry.aru = self.old_aru
        self.received_flg = int(self.old_aru == self.old_high)
        entry.received_flg = self.received_flg
        entry.high_delivered = self.high_delivered
        mine = [e for e in token.entries[: token.memb_index + 1] if e.ring == self.old_ring_id]
        high = entry.aru
        for other in mine:
            if lt(high, other.aru):
                high = other.aru
        for other in mine:
            if lt(other.aru, high):
                other.received_flg = 0
        self.received_flg = entry.received_flg
        token.memb_index += 1

    def _send_commit(self, token: CommitToken) -> None:
        token.token_seq = (token.token_seq + 1) & MASK
        token.nodeid = self.me
        token.target = self.token_target
        self.kept_token = token.encode()
        if self.token_target in self.config.members:
            self.out.append(SendPacket(self.token_target, self.kept_token))
        self._set("retransmit")

    def receive_commit(self, token: CommitToken) -> None:
        if self.me not in token.addr or len(set(token.addr)) != len(token.addr):
            return
        if self.state is State.GATHER:
            agreed = set(token.addr) == set(minus(self.proc_list, self.failed_list))
            mine = token.memb_index < len(token.addr) and token.addr[token.memb_index] == self.me
            if agreed and mine and token.ring.seq > self.ring_id.seq:
                self.commit_enter(token)
        elif self.state is State.COMMIT:
            if token.ring == self.ring_id and token.memb_index == len(token.addr):
                self.recovery_enter(token)
        elif self.state is State.RECOVERY and token.ring == self.ring_id and self._is_rep():
            if self.originated_token:
                return
            self._originate_token()

    # --------------------------------------------------------------- recovery

    def recovery_enter(self, token: CommitToken) -> None:
        self.counts["recovery_entered"] += 1
        self.token_discard = False
        self.recovery = {}
        self.retrans_queue.clear()
        self.miss_count.clear()
        self.last_seq = 0
        self._send_commit(token)
        self.last_token_seq = MASK
        of_old = {a: e for a, e in zip(token.addr, token.entries) if e.ring == self.old_ring_id}
        self.trans_memb_list = [x for x in self.memb_list if x in of_old]
        self.received_flg = of_old[self.me].received_flg if self.me in of_old else 1
        self._queue_missing(of_old)
        self.aru = self.aru_count = self.seq_unchanged = self.high_seq_received = 0
        self.install_seq = self.last_released = 0
        self.retrans_flg_count = self.rotation_counter = 0
        self.last_aru = 0
        self._start_token_timers()
        self.state = State.RECOVERY

    def _queue_missing(self, of_old: dict[int, CommitEntry]) -> None:
        """Queue the messages of the old ring that some member of it lacks (step 5)."""
        if all(of_old[x].received_flg for x in self.trans_memb_list):
            return
        self.deliver_memb_list = list(self.trans_memb_list)
        low = self.old_high
        for x in self.deliver_memb_list:
            if lt(of_old[x].aru, low):
                low = of_old[x].aru
        count = (self.old_high - low) & MASK
        if count > QUEUE_SLOTS:
            return
        for step in range(1, count + 1):
            data = self.regular.get((low + step) & MASK)
            if data is not None:
                self.retrans_queue.append(data)

    def _originate_token(self) -> None:
        self.originated_token = True
        self.set_retrans_flg = bool(self.retrans_queue)
        token = OrfToken(
            self.me, self.ring_id, 0, 0, MASK, self.me, retrans_flg=int(self.set_retrans_flg), target=self.token_target
        )
        self.kept_token = token.encode()
        self.out.append(SendPacket(self.token_target, self.kept_token))
        self._start_token_timers()

    def recovery_token(self, token: OrfToken) -> bool:
        """The sub-steps of one token visit; on the way out the ring may be installed. False when recovery is given
        up: a token that was damaged on its way can keep it from ending while it goes round for ever."""
        progress = (self.aru, len(self.retrans_queue))
        self.standstill = self.standstill + 1 if progress == self.progress else 0
        self.progress = progress
        if self.standstill > PATIENCE:
            self._log("warning", f"recovery made no progress in {PATIENCE} rotations, forming another ring")
            self.standstill = 0
            self.restore_old_ring()
            self.gather_enter(5)
            return False
        if self.retrans_queue:
            if not token.retrans_flg:
                token.retrans_flg = 1
                self.set_retrans_flg = True
        elif token.retrans_flg and self.set_retrans_flg:
            token.retrans_flg = 0
            self.set_retrans_flg = False
        self.retrans_flg_count = 0 if token.retrans_flg else self.retrans_flg_count + 1
        count = self.retrans_flg_count
        if count == 2:
            self.install_seq = token.seq
        if count >= 2 and not self.received_flg and lte(self.install_seq, self.aru):
            self.received_flg = 1
            self.deliver_memb_list = list(self.trans_memb_list)
        if count >= 3 and lte(self.install_seq, token.aru):
            self.rotation_counter += 1
        else:
            self.rotation_counter = 0
        if self.rotation_counter == 2:
            self.operational_enter()
            self.rotation_counter = self.retrans_flg_count = self.standstill = 0
        return True

    def restore_old_ring(self) -> None:
        """Recovery failed: stand again where the last installed ring was left."""
        self.ring_id = self.old_ring_id
        self.aru = self.old_aru
        self.high_seq_received = self.old_high
        self.recovery = {}
        self.retrans_queue.clear()
        self.miss_count.clear()

    # ------------------------------------------------------------ operational

    def operational_enter(self) -> None:
        self.counts["operational_entered"] += 1
        self.consecutive_gathers = 0
        self.originated_token = False
        self.consensus = []
        self.saved = False
        new_aru = self.aru
        new_high = self.high_seq_received
        self._unwrap(new_aru)
        self.aru = self.old_aru
        self._deliver(self.old_high)
        left = minus(self.memb_list, self.trans_memb_list)
        joined = minus(self.new_memb_list, self.trans_memb_list)
        self.memb_list = list(self.new_memb_list)
        self.last_released = 0
        self.set_retrans_flg = False
        self.upper.transitional(tuple(self.trans_memb_list), tuple(left), self.ring_id)
        self.waiting_trans_ack = True
        self._deliver(self.old_high, skip=True)
        self.aru = new_aru
        self.high_seq_received = new_high
        self.upper.regular(tuple(self.new_memb_list), tuple(joined), self.ring_id)
        self._install_queue()
        self.proc_list = list(self.new_memb_list)
        self.failed_list = []
        self._log_membership(joined, left)
        self.state = State.OPERATIONAL
        self.received_flg = 1
        self.deliver_memb_list = []
        self.old_ring_id = self.ring_id

    def _unwrap(self, new_aru: int) -> None:
        """Take the recovered messages of the old ring into its sort queue."""
        for seq in range(1, new_aru + 1):
            data = self.recovery.get(seq)
            if data is None:
                continue
            inner = data[MCAST_SIZE:]
            if len(inner) < MCAST_SIZE:
                continue
            fields = MCAST_FIELDS.unpack_from(inner)
            if fields[3] == ENCAPSULATED or (fields[9], fields[10]) != self.old_ring_id:
                continue
            old_seq = fields[7]
            if (old_seq - self.high_delivered) & MASK >= QUEUE_SLOTS:
                continue
            if lt(self.high_delivered, old_seq) and old_seq not in self.regular:
                self.regular[old_seq] = inner
            if lt(self.old_high, old_seq):
                self.old_high = old_seq

    def _install_queue(self) -> None:
        self.regular = self.recovery
        self.recovery = {}
        self.miss_count.clear()
        self.last_aru = 0
        high = 0
        for seq in range(1, self.high_seq_received + 1):
            if seq in self.regular:
                high = seq
        self.high_delivered = high
        for seq in range(1, high + 1):
            self.regular.pop(seq, None)
        self.last_released = high

    def _log_membership(self, joined: list[int], left: list[int]) -> None:
        parts = [f"A new membership ({self.ring_id}) was formed. Members"]
        if joined:
            parts.append(f" joined: {' '.join(map(str, joined))}")
        if left:
            parts.append(f" left: {' '.join(map(str, left))}")
        self._log("notice", "".join(parts))
        silent = [x for x in left if x not in self.leave_list]
        if silent:
            self._log("notice", f"Failed to receive the leave message. failed: {' '.join(map(str, silent))}")
        self.leave_list = []
