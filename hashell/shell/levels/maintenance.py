"""The maintenance level: keep the cluster's hands off everything or one resource, and run agents by hand."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_RSC = Argument("RESOURCE", "resources", optional=True)


def maintenance_level() -> Level:
    return Level("maintenance", "work on resources without the cluster interfering", (
        Command("on", "maintenance:on", "start maintenance of the cluster or a resource", (_RSC,), "on [RESOURCE]",
                example="on web"),
        Command("off", "maintenance:off", "end maintenance", (_RSC,), "off [RESOURCE]", changes=True,
                example="off web"),
        Command("action", "maintenance:action", "run an action of a resource's agent on this machine",
                (Argument("RESOURCE", "primitives"),
                 Argument("ACTION", "", ("start", "stop", "monitor", "promote", "demote", "reload", "validate-all")),
                 Argument("ssh", "", ("ssh",), optional=True)),
                "action RESOURCE ACTION [ssh]\n\nOnly in maintenance: the cluster would take it for a failure "
                "otherwise. -F overrides.\nssh runs it on every node where the resource is active.",
                example="action web monitor", needs="cluster"),
    ))
