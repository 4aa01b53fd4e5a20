"""A board of 2,000 instances on 32 nodes while the cluster says 50 times a second that something changed.

Measured: the share of one core that the monitor uses, how long a new look takes to be on the screen once it is read,
and how long reading it takes. The original has no board to compare with: these are figures of ours alone.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from copy import deepcopy
from statistics import median

from lxml import etree
from rich.console import Console
from rich.table import Table

from hashell.client.monitor.reader import Reader
from hashell.client.monitor.snapshot import Snapshot
from hashell.tui.app import Monitor
from hashell.tui.sources import Watched

NODES, INSTANCES, UPDATES = 32, 2_000, 50
SECONDS = 20.0
_PRIMITIVE = ('<primitive id="{0}" class="ocf" provider="pacemaker" type="Dummy"><operations>'
              '<op id="{0}-m" name="monitor" interval="10s" timeout="20s"/></operations></primitive>')  # fmt: skip


def big_cluster(nodes: int = NODES, instances: int = INSTANCES) -> etree._Element:
    """Clones on every node, groups of four and single primitives, all started and monitored."""
    histories: dict[int, list[str]] = {number: [] for number in range(1, nodes + 1)}
    resources: list[str] = []
    count = 0

    def run(name: str, node: int) -> None:
        nonlocal count
        count += 1
        histories[node].append(_history(name, count * 2))

    for number in range(10):
        resources.append(f'<clone id="c{number}">{_PRIMITIVE.format(f"cr{number}")}</clone>')
        for node in histories:
            run(f"cr{number}", node)
    number = 0
    while count < instances:
        node = number % nodes + 1
        names = [f"g{number}r{part}" for part in range(4)] if number % 2 else [f"p{number}"]
        text = "".join(_PRIMITIVE.format(name) for name in names)
        resources.append(f'<group id="g{number}">{text}</group>' if number % 2 else text)
        for name in names:
            run(name, node)
        number += 1
    return etree.fromstring(_cib(nodes, resources, histories))


def _history(name: str, call: int) -> str:
    ops = "".join(
        f'<lrm_rsc_op id="{name}_{entry}" operation_key="{name}_{task}_{interval}" operation="{task}" '
        f'crm_feature_set="3.20.0" transition-key="{number}:1:0:u" transition-magic="0:0;{number}:1:0:u" '
        f'call-id="{number}" rc-code="0" op-status="0" interval="{interval}" last-rc-change="{1_700_000_000 + number}" '
        f'exec-time="{20 + number % 400}" queue-time="0"/>'
        for entry, task, interval, number in (
            ("last_0", "start", 0, call), ("monitor_10000", "monitor", 10_000, call + 1),
        )
    )  # fmt: skip
    return f'<lrm_resource id="{name}" class="ocf" provider="pacemaker" type="Dummy">{ops}</lrm_resource>'


def _cib(nodes: int, resources: list[str], histories: dict[int, list[str]]) -> str:
    names = "".join(f'<node id="{n}" uname="node{n}"/>' for n in range(1, nodes + 1))
    states = "".join(
        f'<node_state id="{n}" uname="node{n}" in_ccm="true" crmd="online" join="member" expected="member">'
        f'<lrm id="{n}"><lrm_resources>{"".join(rows)}</lrm_resources></lrm></node_state>'
        for n, rows in histories.items()
    )
    return (
        '<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" admin_epoch="0" epoch="5" num_updates="1" '
        'have-quorum="1" dc-uuid="1"><configuration><crm_config><cluster_property_set id="o">'
        '<nvpair id="o1" name="cluster-name" value="big"/><nvpair id="o2" name="stonith-enabled" value="false"/>'
        f"</cluster_property_set></crm_config><nodes>{names}</nodes><resources>{''.join(resources)}</resources>"
        f"<constraints/></configuration><status>{states}</status></cib>"
    )


def flip(cib: etree._Element, generator: random.Random) -> None:
    """One resource stops or starts on its node."""
    states = cib.findall("status/node_state")
    history = generator.choice(generator.choice(states).findall("lrm/lrm_resources/lrm_resource"))
    last = history[0]
    stopped = last.get("operation") == "stop"
    task = "start" if stopped else "stop"
    name, call = history.get("id"), int(last.get("call-id", "0")) + 10_000
    last.set("operation", task)
    last.set("operation_key", f"{name}_{task}_0")
    last.set("call-id", str(call))


class _Busy:
    """A source that changes all the time."""

    def __init__(self) -> None:
        self.cib = big_cluster()
        self.reads: list[float] = []
        self.reader = Reader()
        self.changed: Callable[[], None] = lambda: None

    async def snapshot(self) -> Snapshot:
        began = time.monotonic()
        shot = await asyncio.to_thread(self.reader.read, deepcopy(self.cib))
        self.reads.append(time.monotonic() - began)
        return shot

    def on_change(self, callback: Callable[[], None]) -> None:
        self.changed = callback

    async def alive(self) -> None:
        pass

    async def wait_lost(self) -> str:
        generator = random.Random(1)
        while True:
            await asyncio.sleep(1 / UPDATES)
            flip(self.cib, generator)
            self.changed()

    async def close(self) -> None:
        pass


class _Timed(Monitor):
    """Notes how long a look takes from its arrival until the screen has been drawn."""

    redraws: list[float] = []
    costs: list[float] = []

    def _came(self, view: object, shot: Snapshot) -> None:
        began, used = time.monotonic(), time.process_time()

        def drawn() -> None:
            self.redraws.append(time.monotonic() - began)
            self.costs.append(time.process_time() - used)

        super()._came(view, shot)  # type: ignore[arg-type]
        self.call_after_refresh(drawn)


async def _measure() -> tuple[float, list[float], list[float], list[float]]:
    busy = _Busy()

    async def connect() -> _Busy:
        return busy

    app = _Timed([Watched("big", connect, None)])
    app.redraws, app.costs = [], []
    async with app.run_test(size=(200, 60)) as pilot:
        while not app.redraws:
            await pilot.pause(0.05)
        app.action_fold_all(False)
        app.redraws.clear()
        app.costs.clear()
        busy.reads.clear()
        wall, used = time.monotonic(), time.process_time()
        while time.monotonic() - wall < SECONDS:
            await asyncio.sleep(0.1)
        share = (time.process_time() - used) / (time.monotonic() - wall)
    return share, app.redraws, app.costs, busy.reads


def main() -> int:
    share, redraws, costs, reads = asyncio.run(_measure())
    table = Table(title=f"monitor: {INSTANCES} instances, {NODES} nodes, {UPDATES} changes a second")
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("wanted", justify="right")
    table.add_row("share of one core", f"{share:.0%}", "below 50%")
    table.add_row("look read to screen drawn, median", f"{median(redraws) * 1000:.0f} ms", "below 250 ms")
    table.add_row("look read to screen drawn, slowest", f"{max(redraws) * 1000:.0f} ms", "")
    table.add_row("of that computing, median", f"{median(costs) * 1000:.0f} ms", "")
    table.add_row("reading a look, median", f"{median(reads) * 1000:.0f} ms", "")
    table.add_row("looks in a second", f"{len(redraws) / SECONDS:.1f}", "")
    Console().print(table)
    return 0 if share < 0.5 and median(redraws) < 0.25 else 1


if __name__ == "__main__":
    raise SystemExit(main())
