"""Random faults on whole nodes, and the guarantees of a cluster checked during and after them."""

from __future__ import annotations

from tests.simulation.cluster import Cluster, Violation

_OPTIONS = (
    '<crm_config><cluster_property_set id="opts">'
    '<nvpair id="opts-fencing" name="stonith-enabled" value="true"/>'
    '<nvpair id="opts-dead" name="dc-deadtime" value="5s"/>'
    "</cluster_property_set></crm_config>"
)
_RESOURCES = ("a", "b")
_ACTIONS = (
    *("start",) * 4,
    *("partition", "heal") * 3,
    *("crash", "kill", "stop", "death", "dc", "change") * 2,
    *("loss", "quiet", "clock"),
)


class ClusterScenario:
    """One seed: boot, faults, then peace and convergence. Raises Violation with the seed in its text."""

    def __init__(self, seed: int, steps: int = 12) -> None:
        self.seed = seed
        self.size = 3 + seed % 3
        self.steps = steps
        self.changes = 0
        self.cluster = Cluster(seed, self.size)
        self.net = self.cluster.net
        self.random = self.net.random

    def run(self) -> None:
        self._boot()
        for _ in range(self.steps):
            self._act()
            self.net.run(self.random.choice((0.005, 0.02, 0.1, 0.3, 1.0, 2.0, 4.0, 12.0, 30.0)))
        self._peace()
        self._check_order()

    def _boot(self) -> None:
        for n in self.net.members:
            self.cluster.start(n)
        self._await("the cluster did not form", 120)
        self.cluster.configure(1, "crm_config", _OPTIONS)
        primitives = "".join(f'<primitive id="{r}" class="ocf" provider="heartbeat" type="Dummy"/>' for r in _RESOURCES)
        self.cluster.configure(1, "resources", f"<resources>{primitives}</resources>")
        self.net.run(5.0)

    def _act(self) -> None:
        cluster, net, pick = self.cluster, self.net, self.random
        up = cluster.up()
        down = [n for n in net.members if n not in up]
        choice = pick.choice(_ACTIONS)
        if choice == "crash" and up:
            cluster.crash(pick.choice(up))
        elif choice == "start" and down:
            cluster.start(pick.choice(down))
        elif choice == "kill" and up:
            cluster.kill_controller(pick.choice(up))
        elif choice == "partition":
            self._partition()
        elif choice == "heal":
            cluster.note("heal")
            net.heal()
        elif choice == "loss":
            net.loss = pick.choice((0.0, 0.02, 0.1))
            cluster.note(f"loss {net.loss}")
        elif choice == "stop" and up:
            cluster.stop(pick.choice(up))
        elif choice == "death" and up:
            self._resource_dies(pick.choice(up))
        elif choice == "dc":
            self._crash_dc()
        elif choice == "change" and up:
            self._change(pick.choice(up))
        elif choice == "quiet":
            self._quiet()
        elif choice == "clock":
            node = cluster.nodes[pick.choice(net.members)]
            node.machine.clock_shift = pick.choice((-3600.0, 0.0, 3600.0))
            cluster.note(f"clock of {node.name} {node.machine.clock_shift:+.0f}")

    def _partition(self) -> None:
        order = list(self.net.members)
        self.random.shuffle(order)
        cut = self.random.randrange(1, len(order))
        self.cluster.note(f"partition {order[:cut]} {order[cut:]}")
        self.net.partition(tuple(order[:cut]), tuple(order[cut:]))

    def _change(self, n: int) -> None:
        """Somebody edits the configuration."""
        self.changes += 1
        self.cluster.note(f"change {self.changes} through n{n}")
        pair = f'<nvpair id="opts-mark" name="mark" value="{self.changes}"/>'
        text = f'<crm_config><cluster_property_set id="opts">{pair}</cluster_property_set></crm_config>'
        self.cluster.configure(n, "crm_config", text)

    def _resource_dies(self, n: int) -> None:
        node = self.cluster.nodes[n]
        if node.host is not None and node.machine.active:
            name = self.random.choice(list(node.machine.active))
            self.cluster.note(f"{name} dies on n{n}")
            node.host.resource_dies(name)

    def _crash_dc(self) -> None:
        for node in self.cluster.nodes.values():
            if node.host is not None and node.host.core.ctx.is_dc:
                self.cluster.crash(node.id)
                return

    def _quiet(self) -> None:
        """A minute without faults: each cell has exactly one DC."""
        self.net.loss = 0.0
        self.cluster.note("quiet")
        self.net.run(60.0)
        for cell in self.cluster.cells():
            hosts = [self.cluster.nodes[n].host for n in cell]
            if any(h is None or self.net.now - self.cluster.nodes[n].started < 60 for h, n in zip(hosts, cell)):
                continue
            leaders = [h.name for h in hosts if h is not None and h.core.ctx.is_dc]
            if len(leaders) != 1:
                raise Violation(self.cluster.told(f"cell {cell} has the DCs {leaders}: {self.cluster.report()}"))

    def _peace(self) -> None:
        self.net.heal()
        self.cluster.note("peace")
        for _ in range(40):
            for n in self.net.members:
                self.cluster.start(n)
            self.net.run(10.0)
            if len(self.cluster.up()) == self.size and self.cluster.settled(list(self.net.members)) and self._running():
                break
        self._await("no convergence", 600)
        self.net.run(8.0)
        self._await("it did not stay settled", 60)
        for name in _RESOURCES:
            holders = [n.name for n in self.cluster.nodes.values() if name in n.machine.active]
            if len(holders) != 1:
                raise Violation(self.cluster.told(f"{name} runs on {holders} at the end: {self.cluster.report()}"))

    def _running(self) -> bool:
        return all(any(r in n.machine.active for n in self.cluster.nodes.values()) for r in _RESOURCES)

    def _await(self, complaint: str, limit: float) -> None:
        members = list(self.net.members)
        if not self.net.run_until(lambda: self.cluster.settled(members), limit):
            raise Violation(self.cluster.told(f"{complaint}: {self.cluster.report()}"))

    def _check_order(self) -> None:
        """Any two nodes have heard the CIB messages that both heard in the same order."""
        lives = [(name, {m: i for i, m in enumerate(heard)}, heard) for name, heard in self.cluster.lives]
        for first, (name, positions, heard) in enumerate(lives):
            for other, places, _ in lives[first + 1 :]:
                common = [places[m] for m in heard if m in places]
                if common != sorted(common):
                    raise Violation(self.cluster.told(f"{name} and {other} heard the CIB messages in different order"))
            if len(positions) != len(heard):
                raise Violation(self.cluster.told(f"{name} heard a CIB message twice"))


def run_seed(seed: int) -> ClusterScenario:
    """Run one seed to its end."""
    scenario = ClusterScenario(seed)
    scenario.run()
    return scenario
