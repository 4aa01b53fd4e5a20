"""Examples of the manual that need machines: where the lab types each of them, and in which order."""

from __future__ import annotations

import shlex

from hashell.shell.manual import shown_levels
from hashell.shell.table import load_tree
from tests.lab.peerlab import Host, LabError

#: The command, and the hosts on which its example is typed, in the order in which test_cluster_join does it.
WALK: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("cluster/init", (1,)),
    ("cluster/join", (2, 3)),
    ("cluster/copy", (1,)),
    ("cluster/enable", (1,)),
    ("cluster/disable", (1,)),
    ("cluster/remove", (1,)),
    ("corosync/link/add", (1,)),
    ("corosync/link/update", (1,)),
    ("corosync/link/remove", (1,)),
    ("cluster/geo_init", (1,)),
    ("cluster/geo_join", (3,)),
    ("cluster/geo_init_arbitrator", (4,)),
)


def machine_examples() -> dict[str, tuple[tuple[str, ...], str]]:
    """Level and example of each command that needs a machine."""
    return {"/".join((*path, command.name)): (path, command.example)
            for path, level in shown_levels(load_tree()) for command in level.commands
            if command.needs == "machine" and not command.hidden}


class Typist:
    """Types examples, and notes which have been typed."""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = {host.number: host for host in hosts}
        self.typed: list[str] = []
        self._examples = machine_examples()

    def type(self, name: str) -> str:
        """The example at its level as from a pipe, on each of its hosts; all that was printed."""
        path, example = self._examples[name]
        printed = ""
        for number in dict(WALK)[name]:
            host = self.hosts[number]
            line = f"printf '%s\\n' {shlex.quote(example)} | {shlex.join(['hashell', *path])}"
            result = host.run("sh", "-c", line, timeout=400)
            if result.returncode or "internal error" in result.stderr:
                raise LabError(f"{host.name}: {example}: {result.stdout}{result.stderr}")
            printed += result.stdout + result.stderr
        self.typed.append(name)
        return printed
