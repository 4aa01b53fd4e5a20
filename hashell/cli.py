"""The entry point of `hashell`: options, then a program of its own, one command, a script, or the prompt."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.shell.session import Options

USAGE = """\
usage: hashell [OPTIONS] [COMMAND …]

Without a command hashell is an interactive shell; a command is done and hashell ends;
the name of a level (configure, resource, node, cluster, ra) opens the shell at that level.

  -f, --file FILE     run the commands in FILE (- is standard input)
  -F, --force         answer questions with yes, commit in spite of semantic errors
  -n, --no            answer questions with no
  -w, --wait          after a change wait until the cluster has settled
  -c, --cib NAME      work on the shadow CIB of that name
  -N, --node NAME     talk to this embedded node
  -H, --history FILE  a report or folder that `history` looks into
  -D, --display STYLE plain, color or color-always
      --output-as F   text, json or xml for commands that show something
  -R, --regression    echo each line before it is run
  -d, --debug         more details
      --version       print the version
  -h, --help          print this help; `hashell help` lists all commands

To begin:   hashell cluster start --embedded 3     three nodes on this machine, no root needed
            hashell status
            hashell configure load update examples/web-cluster.crm
            hashell monitor                            also: exporter (metrics), simulate, demo
"""

_FLAGS = {"-F": "force", "--force": "force", "-n": "decline", "--no": "decline", "-w": "wait", "--wait": "wait",
          "-d": "debug", "--debug": "debug", "-R": "echo", "--regression": "echo", "--regression-tests": "echo"}
_VALUES = {"-c": "shadow", "--cib": "shadow", "-N": "node", "--node": "node", "-D": "style", "--display": "style",
           "-H": "history", "--history": "history",
           "--output-as": "form"}
#: Commands that are programs with options of their own: word -> module with main(argv) -> int.
PROGRAMS = {"simulate": "hashell.shell.simulate", "monitor": "hashell.tui.main",
            "exporter": "hashell.exporter.main", "demo": "hashell.demo"}

#: New containers before the garbage collector looks: a command makes many that live as long as it does.
_COLLECT_AFTER = 100_000

_UNWRITABLE = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EBADF)


def main(argv: list[str] | None = None) -> int:
    """Run hashell. Returns the exit code; never raises but for SystemExit from a program's own options."""
    prepare_streams()
    arguments = [as_text(word) for word in (sys.argv[1:] if argv is None else argv)]
    for number, word in enumerate(arguments, start=1):
        if not word.isascii() and any("\ud800" <= c <= "\udfff" for c in word):
            return usage_error(f"argument {number} is not UTF-8 text: {word!a}")
    if argv is None and arguments[:1] == ["simulate"]:
        gc.disable()  # nothing that it makes is thrown away before its end
    elif argv is None:
        gc.set_threshold(_COLLECT_AFTER)
    try:
        code = _main(arguments)
        sys.stdout.flush()
        if argv is None:
            if arguments[:1] == ["simulate"]:
                sys.stderr.flush()
                os._exit(code)  # taking down what it made would take as long as a small cluster
            gc.freeze()  # the process is at its end: nothing is to be looked for any more
        return code
    except KeyboardInterrupt:
        print("Ctrl-C, leaving", file=sys.stderr)
        return 130
    except BrokenPipeError:
        discard_output()
        return 1
    except Exception as error:  # noqa: BLE001
        if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
            discard_output()
            print(f"error: the output cannot be written: {error.strerror} (make room where it goes)", file=sys.stderr)
            return 74
        from hashell.shell.crash import report_crash

        print(report_crash(error), file=sys.stderr)
        return 70


def prepare_streams() -> None:
    """Streams that are closed lose what is written to them; letters that a locale lacks are shown as escapes."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Point standard output nowhere, so that what still waits for it cannot fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def as_text(word: str) -> str:
    """A word of the command line as UTF-8, whatever the locale says; what is no UTF-8 stays recognisable."""
    return os.fsencode(word).decode("utf-8", "surrogateescape") if not word.isascii() else word


def _main(arguments: list[str]) -> int:
    if arguments[:1] == ["_complete"]:
        return print_candidates(arguments[1:])
    if arguments[:1] and arguments[0] in PROGRAMS:
        return run_program(arguments[0], arguments[1:])
    parsed = parse_options(arguments)
    if isinstance(parsed, int):
        return parsed
    options, script, words = parsed
    if words and words[0] in PROGRAMS:
        return run_program(words[0], words[1:])
    return run_shell(options, script, words)


def run_program(name: str, arguments: list[str]) -> int:
    """One of PROGRAMS."""
    try:
        module = importlib.import_module(PROGRAMS[name])
        program = module.main
    except (ModuleNotFoundError, AttributeError) as error:
        print(f"error: {name} is not part of this installation ({error})", file=sys.stderr)
        return 5
    return int(program(arguments) or 0)


def print_candidates(arguments: list[str]) -> int:
    """For the completion scripts: candidates for a command line given as one word, with tab and description."""
    from hashell.shell.completion import complete
    from hashell.shell.session import Options, Session

    line = arguments[0] if arguments else ""
    options, rest = Options(), line.lstrip().partition(" ")[2].lstrip()
    while rest.startswith("-"):
        word, blank, after = rest.partition(" ")
        if not blank:
            print("\n".join(option for option in option_names() if option.startswith(word)))
            return 0
        rest = after.lstrip()
        if word in _VALUES or word in ("-f", "--file", "-o", "--option"):
            value, blank, after = rest.partition(" ")
            if not blank:
                return 0
            if word in _VALUES:
                setattr(options, _VALUES[word], value)
            rest = after.lstrip()
    session = Session(options)
    try:
        for candidate in complete(session, rest):
            print(f"{candidate.text}\t{candidate.about}")
    finally:
        session.close()
    return 0


def option_names() -> list[str]:
    """Every option of `hashell` itself."""
    return [*_FLAGS, *_VALUES, "-f", "--file", "-o", "--option", "-h", "--help", "--version"]


def parse_options(arguments: list[str]) -> tuple[Options, str, list[str]] | int:
    """Options, script file and words; or an exit code when there is nothing more to do."""
    if arguments == ["--version"]:
        print(version_text())
        return 0
    from hashell.shell.session import Options

    options, script, rest = Options(), "", list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        name, equals, value = rest.pop(0).partition("=")
        if name in ("-h", "--help"):
            print(USAGE, end="")
            return 0
        if name == "--version":
            print(version_text())
            return 0
        if name in _FLAGS:
            setattr(options, _FLAGS[name], True)
            continue
        if name not in _VALUES and name not in ("-f", "--file", "-o", "--option"):
            return usage_error(f"unknown option {name}")
        if not equals:
            if not rest:
                return usage_error(f"option {name} needs a value")
            value = rest.pop(0)
        if name in ("-f", "--file"):
            script = value
        elif name in ("-o", "--option"):
            key, sign, setting = value.partition("=")
            if not sign or "." not in key:
                return usage_error(f"expected -o SECTION.NAME=VALUE, found {value}")
            options.temporary[key] = setting
        else:
            setattr(options, _VALUES[name], value)
    return _checked(options, script, rest)


def _checked(options: Options, script: str, words: list[str]) -> tuple[Options, str, list[str]] | int:
    for index, word in enumerate(words):
        if word.startswith("--output-as="):
            options.form = word.partition("=")[2]
            words = words[:index] + words[index + 1:]
            break
    if options.form not in ("text", "json", "xml"):
        return usage_error(f"--output-as is text, json or xml, not {options.form}")
    if any(s not in ("", "plain", "color", "color-always", "uppercase") for s in options.style.split(",")):
        return usage_error(f"-D is plain, color or color-always, not {options.style}")
    return options, script, words


def usage_error(message: str) -> int:
    from hashell.shell.diagnostics import BadOption

    print(BadOption(message=message), file=sys.stderr)
    return 64


def version_text() -> str:
    from hashell.model.release import FEATURE_SET, VERSION

    return f"hashell {VERSION} (CRM feature set {FEATURE_SET})"


def become(user: str) -> None:
    """Start again with the rights of the user that the option core.user names, by way of sudo."""
    if not user or "SUDO_USER" in os.environ:
        return
    import pwd

    if pwd.getpwuid(os.geteuid()).pw_name != user:
        try:
            os.execvp("sudo", ["sudo", "-E", "-u", user, "--", sys.executable, "-m", "hashell.cli", *sys.argv[1:]])
        except OSError as error:
            print(f"warning: sudo to {user} failed: {error.strerror} (options user '')", file=sys.stderr)


def run_shell(options: Options, script: str, words: list[str]) -> int:
    """A script, one command line, a session at a level, or the prompt."""
    from hashell.model.diagnostics import HashellError
    from hashell.shell import batch
    from hashell.shell.session import Session

    terminal = sys.stdin is not None and sys.stdin.isatty()
    try:
        session = Session(options, interactive=False)
    except HashellError as error:
        print(error, file=sys.stderr)
        return 64
    session.tell(*session.preferences.problems)
    try:
        become(session.preferences.get("core.user"))
        if words:
            code, at_level = batch.run_arguments(session, words)
            if not at_level:
                return int(code)
        if script or not terminal:
            try:
                lines = batch.read_script(script or "-")
            except HashellError as error:
                session.tell(*error.diagnostics)
                return 2
            return int(batch.run_script(session, lines))
        from hashell.shell.interactive import run_interactive

        session.interactive = True
        return int(run_interactive(session))
    finally:
        session.close()


if __name__ == "__main__":
    sys.exit(main())
