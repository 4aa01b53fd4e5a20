"""CIB secrets: parameters whose value is kept out of the CIB, in files of the node (daemons specification, 5.2).

The CIB says `lrm://`; the value is in LRM_SECRETS/RESOURCE/PARAMETER, its MD5 beside it in PARAMETER.sign. The MD5
guards against a file of another node or an older value, it is no protection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

PLACEHOLDER = "lrm://"


class SecretMissing(Exception):
    """A secret cannot be had; the text says which one and why."""


def secrets_folder(state_dir: Path) -> Path:
    return state_dir / "lrm" / "secrets"


def resolve(params: Mapping[str, str], resource: str, folder: Path) -> dict[str, str]:
    """The parameters with secrets filled in. Raises SecretMissing."""
    found = dict(params)
    for name, value in params.items():
        if value == PLACEHOLDER:
            found[name] = _read(folder, resource, name)
    return found


def _read(folder: Path, resource: str, name: str) -> str:
    if any("/" in part or part in ("", ".", "..") for part in (resource, name)):
        raise SecretMissing(f"there can be no secret {name!r} of {resource!r}")
    path = folder / resource / name
    try:
        value = path.read_text().removesuffix("\n")
        sign = path.with_name(name + ".sign").read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(f"secret {name} of {resource} cannot be read on this node: {error}") from None
    if hashlib.md5(value.encode(), usedforsecurity=False).hexdigest() != sign:
        raise SecretMissing(f"secret {name} of {resource} does not fit its checksum on this node")
    return value
