"""Commands of the root level that look at the cluster: status, verify, why, monitor and the like."""

from __future__ import annotations

from hashell.shell.table import Argument, Command

OUTPUT = "--output-as=text|json|xml gives the form of the output."


def status_commands() -> tuple[Command, ...]:
    words = ("bynode", "inactive", "ops", "timing", "failcounts", "verbose", "quiet", "xml", "json", "html", "tickets",
             "noheaders", "detail", "brief", "full")
    return (
        Command("status", "status:status", "show the state of the cluster",
                (Argument("OPTION", "", words, optional=True, repeat=True),),
                f"status [{'|'.join(words)}] [--output-as=text|json|xml]\n\n{OUTPUT}", ("st",), forms=True,
                example="status bynode inactive"),
        Command("verify", "status:verify", "check the configuration of the cluster",
                (Argument("scores", "", ("scores",), optional=True),), "verify [scores]", example="verify"),
        Command("why", "status:why", "explain where a resource is and why",
                (Argument("RESOURCE", "resources"), Argument("NODE", "nodes", optional=True),
                 Argument("FORM", "", ("--output-as=text", "--output-as=json", "--output-as=xml"), optional=True)),
                "why RESOURCE [NODE] [--output-as=text|json|xml]\n\nThe causes are those the cluster itself decided "
                "by, each with the one command that lifts it.", forms=True, example="why web"),
    )
