"""What a status display shows, and how much of it: the display options of crm_mon and crm_simulate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Display:
    """Display options. The defaults are those of crm_simulate; `hashell.client.statusreport` has those of crm_mon."""

    inactive: bool = True  #: resources that run nowhere, too (-r)
    pending: bool = False  #: operations under way as states of their own
    detail: bool = False  #: node ids and every instance of a clone (-R)
    by_node: bool = False  #: resources below their nodes (-n)
    brief: bool = False  #: numbers of resources by agent (-b)
    failcounts: bool = False  #: (-f)
    operations: bool = False  #: (-o)
    timing: bool = False  #: operations with times and results (-t)
    attributes: bool = False  #: (-A)
    tickets: bool = False  #: (-c)
    bans: bool = False  #: negative location constraints (-L)
    ban_prefix: str = ""  #: only constraints whose id begins so
    headers: bool = True  #: off: nothing of the summary but the DC (-D)
    fencing_level: int = 1  #: 0 none, 1 failed and pending, 2 last successes too, 3 everything (-m)
    description: bool = False  #: descriptions of resources (--show-description)
