"""Generated inputs for the comparison with the real crm: loaded, typed, forced, in two steps, now and then broken."""

from __future__ import annotations

import random

from tests.grammar.random_scripts import Script, broken
from tests.lab.language_peer import Case, Step


def generate(seed: int) -> Case:
    """The case of a seed; the same seed makes the same case."""
    rnd = random.Random(seed * 7919)
    mode = rnd.choice(("load", "load", "load", "typed", "typed", "!load"))
    text = broken(seed) if rnd.random() < 0.25 else Script(seed).text()
    if mode == "typed":
        text = "\n".join(_for_typing(line) for line in text.splitlines()) + "\n"
    steps = [Step(mode, text)]
    if rnd.random() < 0.15:
        steps.append(Step("load", Script(seed + 1_000_000).text()))
    return Case(f"seed-{seed}", tuple(steps), rnd.choice(("4.0", "4.0", "4.0", "4.0", "3.9")))


def _for_typing(line: str) -> str:
    return f"xml '{line[4:]}'" if line.startswith("xml <") else line
