"""Write the golden file anew, to be read before it is committed: `python -m tests.client.why.record [PEER.json]`.

PEER.json: situation -> lines that the real `crm_resource --why -r RESOURCE` (Pacemaker 3.0.0) printed for the same CIB;
without it those recorded before are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.client.why.golden import PEER, explained, read_golden
from tests.client.why.situations import GOLDEN, situations


def main(argv: list[str]) -> None:
    peer = {name: said for name, (_, said) in read_golden().items()}
    if argv:
        peer = json.loads(Path(argv[0]).read_text(encoding="utf-8"))
    lines = []
    for situation in situations():
        lines += [f"== {situation.name}: {situation.ask}", *explained(situation)]
        lines += [PEER, *peer.get(situation.name, []), ""]
    GOLDEN.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
