"""`python -m hashell.ra.promotion -v SCORE | -D`: an agent sets or removes its promotion score on its own node.

Does what `crm_attribute --promotion` does, through the attribute manager of the node whose executor started the
agent: the executor hands the node's settings on in HASHELL_SETTINGS.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

from hashell.model.exitcodes import ExitCode
from hashell.model.scores import parse_score
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.attrdclient import AttrdClient
from hashell.stack.wire.ipcclient import IpcError

_USAGE = "usage: python -m hashell.ra.promotion -v SCORE | -D"


async def set_score(settings: NodeSettings, resource: str, score: str | None) -> None:
    """Set the score of `resource` on this node, None to remove it. Raises IpcError, TimeoutError."""
    client = AttrdClient(settings, "crm_attribute", timeout=10.0)
    try:
        await client.update(f"master-{resource}", score)
    finally:
        await client.close()


def main(arguments: Sequence[str]) -> int:
    """Exit code; a message on stderr says what was wrong."""
    resource = os.environ.get("OCF_RESOURCE_INSTANCE", "")
    match list(arguments):
        case ["-D"]:
            score = None
        case ["-v", value] if parse_score(value) is not None:
            score = value
        case _:
            print(_USAGE, file=sys.stderr)
            return ExitCode.USAGE
    if not resource:
        print("promotion: OCF_RESOURCE_INSTANCE is not set: this is for resource agents", file=sys.stderr)
        return ExitCode.USAGE
    try:
        settings = NodeSettings.from_json(os.environ.get("HASHELL_SETTINGS", "{}"))
        asyncio.run(set_score(settings, resource, score))
    except ValueError as error:
        print(f"promotion: HASHELL_SETTINGS: {error}", file=sys.stderr)
        return ExitCode.CONFIG
    except (IpcError, TimeoutError) as error:
        print(f"promotion: the attribute manager does not answer: {error}", file=sys.stderr)
        return ExitCode.DISCONNECT
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
