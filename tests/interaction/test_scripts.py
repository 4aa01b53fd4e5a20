"""Golden interaction scripts: a stimulus, then the exact messages that each controller sends to its peers.

A script is text: `# …` are remarks; `world N` sets up N nodes; `start 1 2`, `crash 1`, `shutdown 3`, `run 5` (seconds),
`settle` are stimuli, each followed by the messages it leads to, one a line: `n1 -> n2 <message …/>` (`all` for a
broadcast). `HASHELL_WRITE_SCRIPTS=1` writes the messages anew, to be read before they are believed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lxml import etree

from hashell.model.xmltext import compact
from tests.simulation.perfect import PerfectWorld

SCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


class Run:
    """One script being carried out."""

    def __init__(self) -> None:
        self.world = PerfectWorld(1)
        self._seen = 0

    def stimulus(self, line: str) -> list[str]:
        """Do what the line says; the messages sent since the line before."""
        verb, *words = line.split()
        numbers = [int(word) for word in words if word.isdigit()]
        if verb == "world":
            self.world, self._seen = PerfectWorld(numbers[0]), 0
        elif verb == "start":
            self.world.start(*numbers)
            self.world.run(0.5)
        elif verb == "crash":
            self.world.crash(numbers[0])
            self.world.run(0.5)
        elif verb == "shutdown":
            host = self.world.hosts[numbers[0]]
            host.do(lambda core: core.shutdown(self.world.now))
            self.world.run(0.5)
            self.world.reap()
            self.world.run(0.5)
        elif verb == "run":
            self.world.run(float(words[0]))
        elif verb == "settle":
            self.world.run_until(self.world.settled, 120)
            self.world.run(0.1)
        else:
            raise ValueError(f"not a stimulus: {line}")
        sent = self.world.trace[self._seen :]
        self._seen = len(self.world.trace)
        return [f"n{node} -> {to or 'all'} {compact(_sent_form(element))}" for node, to, element in sent]


def _sent_form(element: etree._Element) -> etree._Element:
    """The message as it left: `src` is added by the receiver."""
    copy = etree.fromstring(etree.tostring(element))
    copy.attrib.pop("src", None)
    return copy


def play(text: str) -> str:
    """The script with the messages that are really sent."""
    run, lines = Run(), []
    for line in text.splitlines():
        if line.startswith("n") and " -> " in line:
            continue
        lines.append(line)
        if line and not line.startswith("#"):
            lines += run.stimulus(line)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script: Path) -> None:
    text = script.read_text()
    played = play(text)
    if os.environ.get("HASHELL_WRITE_SCRIPTS"):
        script.write_text(played)
    assert played.splitlines() == text.splitlines()


def test_a_changed_message_is_found() -> None:
    text = SCRIPTS[0].read_text()
    changed = text.replace('crm_task="vote"', 'crm_task="veto"')
    assert play(changed) != changed
