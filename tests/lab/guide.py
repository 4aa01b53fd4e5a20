"""The administrator's guide as a script: its commands, where each is typed, and what it prints there.

In a fenced block without a language a line `node1# COMMAND` is typed on node1, `both# COMMAND` on node1 and node2; a
here-document goes on to its end. The lines below are printed by it, in that order and among others; `…` stands for
anything, and blanks are not counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.lab.peerlab import REPO, Host, LabError, wait_for

GUIDE = REPO / "docs" / "GUIDE.md"
_PROMPT = re.compile(r"^(both|node1|node2|witness)# (.+)$")
_HERE = re.compile(r"<<'(\w+)'")
#: Commands that change nothing are repeated until they print what they should, as a reader would do.
_LOOKS = ("curl ", "hashell status", "hashell corosync status", "ls ")
#: What a program asks at the terminal of a lab host is answered by that one's askpass; pip's mirror is a folder there.
_TERMINAL = ("SSH_ASKPASS=/root/askpass", "SSH_ASKPASS_REQUIRE=force", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=/root/wheels")


@dataclass(frozen=True)
class Step:
    """One command of the guide, and the line at which it stands."""

    line: int
    prompt: str
    command: str
    printed: tuple[str, ...]

    def matches(self, output: str) -> bool:
        lines = iter([" ".join(line.split()) for line in output.splitlines()])
        return all(any(_pattern(wanted).fullmatch(line) for line in lines) for wanted in self.printed)


def _pattern(wanted: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in " ".join(wanted.split()).split("…")))


def steps(text: str) -> list[Step]:
    """The steps in order. Raises ValueError for a block that does not begin with a prompt."""
    found: list[Step] = []
    inside = False
    until = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside and line == "```"
            start = inside
            continue
        if not inside:
            continue
        prompt = _PROMPT.match(line)
        if start and not prompt:
            raise ValueError(f"line {number}: a block begins with a prompt, not with {line!r}")
        start = False
        if until:
            last = found.pop()
            found.append(Step(last.line, last.prompt, f"{last.command}\n{line}", ()))
            until = "" if line == until else until
        elif prompt:
            found.append(Step(number, prompt[1], prompt[2], ()))
            here = _HERE.search(prompt[2])
            until = here[1] if here else ""
        elif line.strip():
            last = found.pop()
            found.append(Step(last.line, last.prompt, last.command, (*last.printed, line)))
    return found


def perform(step: Step, hosts: dict[str, Host]) -> str:
    """Type a step on its hosts; what they said. Raises LabError when it fails or prints something else."""
    names = ("node1", "node2") if step.prompt == "both" else (step.prompt,)
    return "".join(_type(step, name, hosts[name]) for name in names)


def _type(step: Step, name: str, host: Host) -> str:
    said = ""

    def once() -> bool:
        nonlocal said
        result = host.run("env", *_TERMINAL, "bash", "-c", f"cd /root\n{step.command}", timeout=400)
        said = f"exit code {result.returncode}\n{result.stdout}{result.stderr}"
        failed = result.returncode != 0 or "Traceback" in said or "internal error" in said
        return not failed and step.matches(result.stdout + result.stderr)

    try:
        wait_for("", once, 180 if step.command.startswith(_LOOKS) else 0)
    except LabError:
        raise LabError(f"line {step.line}, {name}# {step.command}\n{said}") from None
    return said
