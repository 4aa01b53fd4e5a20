"""The options and meta attributes that generated clusters may have, each with the values to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

OPTIONS: Mapping[str, Sequence[str]] = {
    "symmetric-cluster": ("true", "true", "false"),
    "no-quorum-policy": ("stop", "freeze", "ignore", "demote", "suicide", "fence"),
    "stonith-action": ("reboot", "off"),
    "stonith-timeout": ("20s", "2min"),
    "maintenance-mode": ("true", "false", "false"),
    "stop-all-resources": ("true", "false", "false"),
    "placement-strategy": ("default", "utilization", "minimal", "balanced"),
    "stop-orphan-resources": ("true", "false"),
    "stop-orphan-actions": ("true", "false"),
    "start-failure-is-fatal": ("true", "false"),
    "enable-startup-probes": ("true", "false"),
    "concurrent-fencing": ("true", "false"),
    "startup-fencing": ("true", "false"),
    "priority-fencing-delay": ("0", "15s"),
    "node-health-strategy": ("none", "migrate-on-red", "only-green", "progressive", "custom"),
    "node-health-base": ("0", "10", "-5"),
    "node-health-red": ("-INFINITY", "-50"),
    "node-health-yellow": ("0", "-20"),
    "node-health-green": ("0", "30"),
    "shutdown-lock": ("true", "true", "false"),
    "shutdown-lock-limit": ("0", "5min", "30min"),
    "node-pending-timeout": ("0", "2h", "10s"),
    "have-watchdog": ("true", "false"),
    "stonith-watchdog-timeout": ("10s", "0"),
    "migration-limit": ("-1", "3"),
    "cluster-delay": ("60s", "30s"),
    "batch-limit": ("0", "30"),
    "cluster-name": ("mycluster",),
}
META: Mapping[str, Sequence[str]] = {
    "is-managed": ("true", "false"),
    "target-role": ("Stopped", "Started", "Promoted", "Unpromoted", "Started"),
    "priority": ("0", "1", "10", "-5", "INFINITY", "5"),
    "resource-stickiness": ("0", "1", "100", "INFINITY", "-10", "50"),
    "migration-threshold": ("0", "1", "3", "INFINITY", "2"),
    "failure-timeout": ("0", "10s", "1h", "100d"),
    "multiple-active": ("stop_start", "stop_only", "block", "stop_unexpected"),
    "allow-migrate": ("true", "true", "false"),
    "critical": ("true", "false"),
    "requires": ("nothing", "quorum", "fencing", "unfencing"),
    "maintenance": ("true", "false"),
    "allow-unhealthy-nodes": ("true", "false"),
    "remote-allow-migrate": ("false",),
    "container-attribute-target": ("host",),
}
CLONE_META: Mapping[str, Sequence[str]] = {
    "clone-max": ("0", "1", "2", "3", "5"),
    "clone-node-max": ("1", "2", "3"),
    "globally-unique": ("true", "false"),
    "notify": ("true", "true", "false"),
    "ordered": ("true", "false"),
    "interleave": ("true", "true", "false"),
    "clone-min": ("1", "2"),
}
PROMOTABLE_META: Mapping[str, Sequence[str]] = {
    "promoted-max": ("0", "1", "2", "3"),
    "promoted-node-max": ("1", "2"),
}
ON_FAIL = ("ignore", "block", "stop", "restart", "standby", "fence", "restart-container", "demote")
