"""Make a case of tests/conformance/scheduler from an input that once differed, with the peer's outputs.

    python -m tests.conformance.record_difference NAME FILE [crm_simulate arguments …]

Needs root and the peerlab image.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from lxml import etree

from tests.lab.simulate_peer import Peer

CASES = Path(__file__).resolve().parent / "scheduler"


def record(name: str, cib: bytes, args: list[str]) -> None:
    """Write `NAME/input.xml`, `args` and what the peer says."""
    folder = CASES / name
    folder.mkdir(parents=True, exist_ok=True)
    with Peer() as peer:
        outputs = peer.run(cib, args)
    if outputs["rc"].strip() not in ("0", "1"):
        raise SystemExit(f"the peer ended with {outputs['rc'].strip()}")
    (folder / "input.xml").write_bytes(cib)
    (folder / "args").write_text(shlex.join(args) + "\n")
    for kind, text in outputs.items():
        (folder / kind).write_text(text)


if __name__ == "__main__":
    tree = etree.parse(sys.argv[2], etree.XMLParser(remove_blank_text=True))
    record(sys.argv[1], etree.tostring(tree, pretty_print=True), sys.argv[3:])
