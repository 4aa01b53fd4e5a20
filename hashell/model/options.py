"""Cluster options: type, default and allowed values of each, and the lookup the stack uses (model spec chapter 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashell.model.durations import milliseconds, parse_interval
from hashell.model.values import boolean, scan_integer


@dataclass(frozen=True, slots=True)
class Option:
    """kind: boolean, interval, timeout, integer, score, choice, string. `choices` are compared ignoring case."""

    name: str
    kind: str
    default: str | None
    text: str = ""
    choices: tuple[str, ...] = ()

    def valid(self, value: str) -> bool:
        """Whether the value would be used rather than the default."""
        if self.kind == "boolean":
            return boolean(value) is not None
        if self.kind == "interval":
            return parse_interval(value) is not None
        if self.kind == "timeout":
            return milliseconds(value) is not None or value.lstrip().startswith("-")
        if self.kind in ("integer", "score"):
            return value in ("INFINITY", "-INFINITY", "+INFINITY") or scan_integer(value)[0] is not None
        if self.name == "stonith-action":
            return value in self.choices
        return not self.choices or value.lower() in self.choices


def _option(name: str, kind: str, default: str | None, text: str, choices: tuple[str, ...] = ()) -> Option:
    return Option(name, kind, default, text, choices)


_QUORUM = ("stop", "freeze", "ignore", "demote", "fence", "suicide")
_HEALTH = ("none", "migrate-on-red", "only-green", "progressive", "custom")
_PLACEMENT = ("default", "utilization", "minimal", "balanced")

_ALL = (
    _option("no-quorum-policy", "choice", "stop", "what to do when the cluster does not have quorum", _QUORUM),
    _option("shutdown-lock", "boolean", "false", "keep resources locked to a node that shuts down cleanly"),
    _option("shutdown-lock-limit", "interval", "0", "how long such a lock lasts; 0 is without limit"),
    _option("symmetric-cluster", "boolean", "true", "whether resources may run anywhere unless forbidden"),
    _option("maintenance-mode", "boolean", "false", "whether the cluster leaves all resources alone"),
    _option("start-failure-is-fatal", "boolean", "true", "whether one failed start bans a resource from the node"),
    _option("enable-startup-probes", "boolean", "true", "whether to look for resources already active"),
    _option("stonith-enabled", "boolean", "true", "whether nodes may be fenced"),
    _option("stonith-action", "choice", "reboot", "what fencing does", ("reboot", "off")),
    _option("stonith-timeout", "interval", "60s", "how long fencing may take"),
    _option("have-watchdog", "boolean", "false", "whether watchdog fencing is there (set by the cluster)"),
    _option("stonith-watchdog-timeout", "timeout", "0", "how long a lost node needs to fence itself"),
    _option("concurrent-fencing", "boolean", "true", "whether several nodes may be fenced at once"),
    _option("startup-fencing", "boolean", "true", "whether to fence nodes never seen"),
    _option("priority-fencing-delay", "interval", "0", "fencing delay for the node with the more important resources"),
    _option("node-pending-timeout", "interval", "0", "how long a node may take to join; 0 is for ever"),
    _option("cluster-delay", "interval", "60s", "maximum time for messages between nodes"),
    _option("batch-limit", "integer", "0", "how many jobs may run at once; 0 is by load"),
    _option("migration-limit", "integer", "-1", "how many migrations a node may have at once; -1 is any number"),
    _option("stop-all-resources", "boolean", "false", "whether to stop everything"),
    _option("stop-orphan-resources", "boolean", "true", "whether to stop resources without configuration"),
    _option("stop-orphan-actions", "boolean", "true", "whether to cancel operations without configuration"),
    _option("pe-error-series-max", "integer", "-1", "how many inputs with errors to keep"),
    _option("pe-warn-series-max", "integer", "5000", "how many inputs with warnings to keep"),
    _option("pe-input-series-max", "integer", "4000", "how many other inputs to keep"),
    _option("node-health-strategy", "choice", "none", "how node health attributes move resources", _HEALTH),
    _option("node-health-base", "score", "0", "base health of a node"),
    _option("node-health-green", "score", "0", "score of a green health attribute"),
    _option("node-health-yellow", "score", "0", "score of a yellow health attribute"),
    _option("node-health-red", "score", "-INFINITY", "score of a red health attribute"),
    _option("placement-strategy", "choice", "default", "how utilization decides on placement", _PLACEMENT),
    _option("cluster-name", "string", None, "an arbitrary name"),
)

CLUSTER_OPTIONS: Mapping[str, Option] = {option.name: option for option in _ALL}

#: What newer versions of the original call an option -> its name here. The newer name wins where both are given.
NEWER_NAMES: Mapping[str, str] = {
    "fencing-enabled": "stonith-enabled",
    "fencing-action": "stonith-action",
    "fencing-timeout": "stonith-timeout",
    "fencing-watchdog-timeout": "stonith-watchdog-timeout",
    "stop-removed-resources": "stop-orphan-resources",
    "cancel-removed-actions": "stop-orphan-actions",
}


def option_value(table: Mapping[str, str], name: str) -> str | None:
    """The value of a known option: the configured one if valid, else the default."""
    option = CLUSTER_OPTIONS[name]
    value = table.get(name)
    return value if value is not None and option.valid(value) else option.default
