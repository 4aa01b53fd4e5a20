"""The manual made of the command table: Markdown for docs/MANUAL.md, and man pages.

    python -m hashell.shell.manual              write docs/MANUAL.md
    python -m hashell.shell.manual --check      say whether it is up to date
    python -m hashell.shell.manual --man FOLDER write hashell.1 and hashell.crm.7
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from hashell.shell.table import Command, Level, load_tree

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "MANUAL.md"
_NEEDS = {"cluster": "Needs a running cluster.", "terminal": "Needs a terminal.",
          "machine": "Changes this machine: needs root, and a machine of its own."}
_HEAD = """\
# The commands of hashell

Made from the command table by `python -m hashell.shell.manual`; do not edit. `help COMMAND` says it at the prompt.

A command can be given at once (`hashell resource move web node2`), typed at its level, or read from a file with `-f` or
from standard input. The examples are typed at their level: `hashell resource` opens it. In the shell changes of the
configuration wait for `commit`; on the command line they are made at once. Each example is run by a test.

Everywhere: `help [COMMAND]`, `ls`, `cd [LEVEL]`, `up`, `quit`. The beginning of a name does where it is unmistakable.

"""


def shown_levels(root: Level) -> Iterator[tuple[tuple[str, ...], Level]]:
    """Every level once: below another one it is the same as at the root."""
    seen: set[str] = set()
    for path, level in sorted(root.walk(), key=lambda item: len(item[0])):
        if level.name not in seen:
            seen.add(level.name)
            yield path, level


def markdown(root: Level) -> str:
    """The whole manual."""
    from hashell.cli import USAGE

    out = [_HEAD, "## hashell\n\n```\n", USAGE, "```\n\n"]
    for path, level in sorted(shown_levels(root)):
        out.append(f"## {' '.join(path) or 'The root level'}\n\n{_sentence(level.summary)}\n\n")
        if level.help:
            out.append(level.help + "\n\n")
        if level.levels:
            out.append(f"Levels below: {', '.join(f'`{below.name}`' for below in level.levels)}.\n\n")
        for command in sorted(level.commands, key=lambda c: c.name):
            if not command.hidden:
                out.append(_command(path, command))
    return "".join(out).rstrip("\n") + "\n"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _command(path: tuple[str, ...], command: Command) -> str:
    usage, _, about = (command.help or command.usage()).partition("\n\n")
    parts = [f"### {' '.join((*path, command.name))}\n\n{_sentence(command.summary)}\n\n```\n{usage}\n```\n\n"]
    if about:
        parts.append(_prose(about))
    if command.aliases:
        parts.append(f"Also: {', '.join(f'`{a}`' for a in command.aliases)}.\n\n")
    if command.needs:
        parts.append(_NEEDS[command.needs] + "\n\n")
    if command.example:
        prompt = f"hashell(live){' '.join(path)}# "
        lines = "\n".join(prompt + line for line in command.example.split("\n"))
        parts.append(f"```\n{lines}\n```\n\n")
    return "".join(parts)


def _prose(text: str) -> str:
    """Paragraphs as they are, indented lines as code."""
    out: list[str] = []
    code = False
    for line in text.split("\n"):
        if line.startswith("    ") != code:
            code = not code
            out.append("```" if code else "```\n")
        out.append(line[4:] if code else line)
    return "\n".join([*out, *(["```"] if code else [])]) + "\n\n"


# -- man pages ---------------------------------------------------------------------------------------------------


def _roff(text: str) -> str:
    lines = text.replace("\\", "\\e").replace("-", "\\-").split("\n")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in lines)


def man_pages(root: Level) -> dict[str, str]:
    """File name -> text: hashell(1), the program, and hashell.crm(7), the commands of all levels."""
    from hashell.cli import USAGE

    program = (f'.TH HASHELL 1\n.SH NAME\nhashell \\- {_roff(root.summary)}\n.SH SYNOPSIS\n.B hashell\n[OPTIONS] '
               f"[COMMAND ...]\n.SH OPTIONS\n.nf\n{_roff(USAGE)}.fi\n.SH SEE ALSO\nhashell.crm(7)\n")
    out = ['.TH HASHELL.CRM 7\n.SH NAME\nhashell.crm \\- the commands of all levels of hashell\n']
    for path, level in sorted(shown_levels(root)):
        out.append(f".SH {_roff(' '.join(path).upper() or 'ROOT')}\n{_roff(_sentence(level.summary))}\n")
        for command in sorted(level.commands, key=lambda c: c.name):
            if command.hidden:
                continue
            out.append(f".SS {_roff(' '.join((*path, command.name)))}\n{_roff(_sentence(command.summary))}\n.PP\n.nf\n"
                       f"{_roff(command.help or command.usage())}\n.fi\n")
            if command.example:
                out.append(f".PP\nExample:\n.PP\n.nf\n.RS\n{_roff(command.example)}\n.RE\n.fi\n")
    return {"hashell.1": program, "hashell.crm.7": "".join(out)}


def main(argv: list[str]) -> int:
    """0, or 1 when `--check` finds the file out of date."""
    from hashell.atomicfile import write_atomically

    text = markdown(load_tree())
    if argv[:1] == ["--check"]:
        same = MANUAL.is_file() and MANUAL.read_text(encoding="utf-8") == text
        print(f"{MANUAL.name} is {'up to date' if same else 'out of date: python -m hashell.shell.manual'}")
        return int(not same)
    if argv[:1] == ["--man"] and len(argv) == 2:
        for name, page in man_pages(load_tree()).items():
            write_atomically(Path(argv[1]) / name, page, mode=0o644)
        return 0
    write_atomically(MANUAL, text, mode=0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
