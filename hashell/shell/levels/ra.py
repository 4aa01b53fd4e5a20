"""The ra level: which resource agents there are and what they say of themselves."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level


def ra_level() -> Level:
    agent = Argument("AGENT", "agents")
    return Level("ra", "look at resource agents", (
        Command("classes", "ra:classes", "list classes and providers", (), "classes"),
        Command("list", "ra:list_", "list the agents of a class",
                (Argument("CLASS", "classes"), Argument("PROVIDER", "providers", optional=True)),
                "list CLASS [PROVIDER]\n\nExample:\n    list ocf heartbeat"),
        Command("providers", "ra:providers", "list the providers of an agent",
                (Argument("TYPE"), Argument("CLASS", "classes", optional=True)), "providers TYPE [CLASS]"),
        Command("info", "ra:info", "show an agent's parameters and actions", (agent,),
                "info [CLASS:[PROVIDER:]]TYPE\n\nExample:\n    info ocf:hashell:webserver", ("meta",)),
        Command("validate", "ra:validate", "have an agent check parameters",
                (agent, Argument("NAME=VALUE", "agent_values", optional=True, repeat=True)),
                "validate [CLASS:[PROVIDER:]]TYPE [NAME=VALUE…]"),
    ))
