"""The cluster options the controller obeys, read from the `crm_config` section.

Names and defaults are those of the daemons specification, sections 3.1 and 3.9. Durations are seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from hashell.model.values import integer

_UNITS: Final = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 0.001, "msec": 0.001, "us": 1e-6, "usec": 1e-6}
_UNITS_LONG: Final = {"m": 60.0, "min": 60.0, "h": 3600.0, "hr": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*\+?(\d+)\s*([a-zA-Z]*)\s*$")
INFINITY: Final = 1_000_000


def seconds(text: str | None, default: float) -> float:
    """A duration such as `20`, `20s`, `2min`, `500ms`; anything else gives `default`."""
    match = _DURATION.match(text or "")
    if not match:
        return default
    unit = match.group(2).lower()
    factor = _UNITS.get(unit, _UNITS_LONG.get(unit))
    return default if factor is None else int(match.group(1)) * factor


def score(text: str | None, default: int = 0) -> int:
    """A score: a number, `INFINITY`, `-INFINITY`; anything else gives `default`."""
    word = (text or "").strip()
    if word in ("INFINITY", "+INFINITY"):
        return INFINITY
    if word == "-INFINITY":
        return -INFINITY
    if re.fullmatch(r"[+-]?\d+", word):
        return max(-INFINITY, min(INFINITY, int(word)))
    return default


def is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in ("true", "on", "yes", "y", "1")


@dataclass(frozen=True)
class Options:
    """The options in force."""

    dc_deadtime: float = 20.0
    election_timeout: float = 120.0
    integration_timeout: float = 180.0
    finalization_timeout: float = 1800.0
    shutdown_escalation: float = 1200.0
    transition_delay: float = 0.0
    recheck_interval: float = 900.0
    stonith_timeout: float = 60.0
    stonith_max_attempts: int = 10
    fence_reaction: str = "stop"
    shutdown_lock: bool = False
    load_threshold: float = 0.8
    node_action_limit: int = 0
    cluster_name: str = ""

    @classmethod
    def read(cls, crm_config: etree._Element | None) -> Options:
        """The options of a `<crm_config>` element; the first set that has an option decides it."""
        values: dict[str, str] = {}
        for pair in crm_config.iter("nvpair") if crm_config is not None else ():
            values.setdefault(pair.get("name", ""), pair.get("value", ""))
        load = values.get("load-threshold", "").rstrip("% ")
        attempts = score(values.get("stonith-max-attempts"), 10)
        return cls(
            dc_deadtime=seconds(values.get("dc-deadtime"), 20),
            election_timeout=seconds(values.get("election-timeout"), 120),
            integration_timeout=seconds(values.get("join-integration-timeout"), 180),
            finalization_timeout=seconds(values.get("join-finalization-timeout"), 1800),
            shutdown_escalation=seconds(values.get("shutdown-escalation"), 1200),
            transition_delay=seconds(values.get("transition-delay"), 0),
            recheck_interval=seconds(values.get("cluster-recheck-interval"), 900),
            stonith_timeout=seconds(values.get("stonith-timeout"), 60),
            stonith_max_attempts=attempts if attempts > 0 else 10,
            fence_reaction=values.get("fence-reaction", "stop"),
            shutdown_lock=is_true(values.get("shutdown-lock")),
            load_threshold=integer(load) / 100 if integer(load) > 0 else 0.8,
            node_action_limit=max(0, score(values.get("node-action-limit"), 0)),
            cluster_name=values.get("cluster-name", ""),
        )
