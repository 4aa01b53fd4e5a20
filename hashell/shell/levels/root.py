"""The root level: what can be typed first."""

from __future__ import annotations

from hashell.shell.levels.status import status_commands
from hashell.shell.table import Argument, Below, Command, Level

_WORDS = Argument("OPTION", optional=True, repeat=True)
_STRICT = Argument("--strict", "", ("--strict",), optional=True)
_FORMAT = Argument("--check|--diff", "", ("--check", "--diff"), optional=True)


def root_level() -> Level:
    return Level(
        "hashell", "the cluster shell",
        (
            *status_commands(),
            Command("monitor", "programs:monitor", "watch the cluster on the whole screen", (_WORDS,),
                    "monitor [--web] …\n\n`hashell monitor --help` has the options.",
                    example="monitor", needs="terminal"),
            Command("simulate", "programs:simulate", "show what the cluster would do with a CIB", (_WORDS,),
                    "simulate …\n\n`hashell simulate --help` has the options.", example="simulate -x cib.xml -S"),
            Command("demo", "programs:demo", "a cluster of three nodes on this machine, with a web server", (_WORDS,),
                    "demo …\n\n`hashell demo --help` has the options.", example="demo", needs="terminal"),
            Command("check", "textfiles:check", "check a file of statements, without a cluster",
                    (_STRICT, Argument("FILE", "files", repeat=True)),
                    "check [--strict] FILE…\n\nSyntax, structure, agents and their parameters, each fault with its "
                    "place. Warnings alone are\nno failure; with --strict they are. - is standard input.",
                    example="check web.crm"),
            Command("fmt", "textfiles:fmt", "rewrite a file of statements in its usual form",
                    (_FORMAT, Argument("FILE", "files", repeat=True)),
                    "fmt [--check|--diff] FILE…\n\nComments stay, and the meaning too: a statement that cannot be "
                    "read is left as it is.\n--check only tells which files would change, --diff shows how. - is "
                    "standard input.",
                    example="fmt --diff web.crm"),
            Command("report", "report:report", "collect configuration, state, logs and scheduler inputs in a file",
                    (_WORDS,), "report [-f FROM] [-t TO] [-n NODE]… [-p PATTERN]… [-Z] [DEST]\n\nOf the last twelve "
                    "hours, of this machine or all embedded nodes. Values of names like passw* and of\nthe patterns "
                    "given with -p are masked; -Z overwrites.",
                    example="report -f -2H trouble", needs="cluster"),
            Command("completion", "programs:completion", "print the completion for your login shell",
                    (Argument("bash|zsh|fish", "", ("bash", "zsh", "fish")),), "completion bash|zsh|fish",
                    example="completion bash"),
        ),
        tuple(Below(name, f"{name}:{name}_level") for name in (
            "configure", "resource", "node", "cluster", "cib", "maintenance", "corosync", "ra", "options", "script",
            "site", "history")),
        "Type a command, or the name of a level to enter it. TAB completes, `help COMMAND` explains.",
    )
