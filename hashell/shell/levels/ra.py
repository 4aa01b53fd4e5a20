"""The ra level: which resource agents there are and what they say of themselves."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level


def ra_level() -> Level:
    agent = Argument("AGENT", "agents")
    return Level("ra", "look at resource agents", (
        Command("classes", "ra:classes", "list classes and providers", (), "classes", example="classes"),
        Command("list", "ra:list_", "list the agents of a class",
                (Argument("CLASS", "classes"), Argument("PROVIDER", "providers", optional=True)),
                "list CLASS [PROVIDER]", example="list ocf pacemaker"),
        Command("providers", "ra:providers", "list the providers of an agent",
                (Argument("TYPE"), Argument("CLASS", "classes", optional=True)), "providers TYPE [CLASS]",
                example="providers Dummy"),
        Command("info", "ra:info", "show an agent's parameters and actions", (agent,),
                "info [CLASS:[PROVIDER:]]TYPE", ("meta",),
                example="info ocf:pacemaker:Dummy"),
        Command("validate", "ra:validate", "have an agent check parameters",
                (agent, Argument("NAME=VALUE", "agent_values", optional=True, repeat=True)),
                "validate [CLASS:[PROVIDER:]]TYPE [NAME=VALUE…]", example="validate ocf:pacemaker:Dummy op_sleep=0"),
    ))
