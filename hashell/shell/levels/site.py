"""The site level: tickets of clusters at several sites."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level


def site_level() -> Level:
    verbs = ("grant", "revoke", "standby", "activate", "show", "time", "delete")
    return Level("site", "tickets of clusters at several sites", (
        Command("ticket", "site:ticket", "grant a ticket, take it away, look at it",
                (Argument("VERB", "", verbs), Argument("TICKET", "tickets")),
                f"ticket {'|'.join(verbs)} TICKET\n\nOnly where no ticket manager does it. Resources with a "
                "rsc_ticket constraint run while the ticket is\ngranted; standby stops them in good order before a "
                "revoke.", changes=True, example="ticket grant ticket-a"),
    ))
