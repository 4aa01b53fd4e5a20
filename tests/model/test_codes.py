"""Every diagnostic of the product has a code of its own: scripts tell messages apart by it."""

from __future__ import annotations

import importlib
import pkgutil

import hashell
from hashell.model.diagnostics import Diagnostic


def every_diagnostic() -> list[type[Diagnostic]]:
    for module in pkgutil.walk_packages(hashell.__path__, "hashell."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[Diagnostic]] = []
    waiting = [Diagnostic]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if kind.__module__.startswith("hashell."):
                found.append(kind)
            waiting.append(kind)
    return found


def test_codes_are_unique_and_well_formed() -> None:
    owners: dict[str, str] = {}
    clashes = []
    for kind in every_diagnostic():
        if "code" not in vars(kind):
            continue
        name = f"{kind.__module__}.{kind.__name__}"
        assert len(kind.code) == 4 and kind.code[0] == "H" and kind.code[1:].isdigit(), f"{name}: {kind.code}"
        if kind.code in owners:
            clashes.append(f"{kind.code}: {owners[kind.code]} and {name}")
        owners[kind.code] = name
    assert not clashes, "\n".join(clashes)
