"""Carrying out one command line: words, levels, the command and its arguments (language specification, 1.2 and 8)."""

from __future__ import annotations

import difflib
import importlib
import sys
import time
from collections.abc import Callable

from hashell.grammar.lines import LogicalLine, Word, split_words
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.crash import report_crash
from hashell.shell.diagnostics import AmbiguousCommand, CommandFailed, Note, UnknownCommand, WrongArguments
from hashell.shell.session import Session
from hashell.shell.table import Command, Level

_HELP = ("help", "?", "-h", "--help")
_UP = ("up", "end", "back")
_QUIT = ("quit", "bye", "exit")


def run_line(session: Session, line: LogicalLine) -> ExitCode:
    """One line of input: the exit code, messages already told. The stack returns to where the line began."""
    if session.options.echo:
        session.out(f".INP: {line.text}")
    began = time.monotonic()
    code = guarded(session, lambda: run_words(session, split_words(line)))
    if session.options.debug:
        session.tell(Note(message=f"{line.text.strip()[:60]}: {code.name} after {time.monotonic() - began:.2f} s, "
                                  f"on {session.cib_name()}"))
    return code


def guarded(session: Session, work: Callable[[], ExitCode]) -> ExitCode:
    """Call `work`; errors are told, defects leave a crash file. Never raises but KeyboardInterrupt."""
    try:
        return work()
    except HashellError as error:
        session.tell(*error.diagnostics)
        return error.exit_code if error.exit_code is not ExitCode.OK else ExitCode.ERROR
    except BrokenPipeError:
        return ExitCode.ERROR
    except Exception as error:  # noqa: BLE001
        session.tell(report_crash(error))
        return ExitCode.SOFTWARE
    finally:
        session.end_line()


def run_words(session: Session, words: list[Word]) -> ExitCode:
    """The words of one line. Entering a level without a command stays there; a command returns to the start."""
    start = list(session.stack)
    index = 0
    while index < len(words):
        text = words[index].text
        if text in _HELP:
            show_help(session, [w.text for w in words[index + 1:]])
            break
        if _navigate(session, words, index):
            return ExitCode.OK
        child = find_child(session, text)
        if isinstance(child, Level):
            check_skill(session, child)
            session.stack.append(child)
            index += 1
            continue
        if child is None:
            known = tuple(session.level.children())
            near = difflib.get_close_matches(text, known, 1)
            level = session.path().replace(" ", ".")
            session.stack[:] = start
            raise HashellError(UnknownCommand(level=level, word=text, near="".join(near), known=known))
        try:
            return call(session, child, words[index:])
        finally:
            return_to(session, start)
    return ExitCode.OK


def _navigate(session: Session, words: list[Word], index: int) -> bool:
    """up, cd, quit, ls; True if the word was one of them."""
    text, rest = words[index].text, [w.text for w in words[index + 1:]]
    if text in _UP and len(session.stack) > 1:
        leave(session, len(session.stack) - 1)
    elif text in _QUIT:
        leave(session, 1)
        session.left = True
    elif text == "cd":
        change_level(session, rest[0] if rest else "..")
    elif text == "ls":
        list_children(session)
    else:
        return False
    return True


def find_child(session: Session, text: str) -> Command | Level | None:
    """The command or level meant by a word: its name, an alias, or an unmistakable beginning of a name."""
    level = session.level
    found: Command | Level | None = level.command(text) or level.level(text)
    if found is None and text != text.lower():
        text = text.lower()
        found = level.command(text) or level.level(text)
    if found is not None or len(text) < 2 or text.startswith("-"):
        return found
    matches = [name for name in level.children() if name.startswith(text)]
    if len(matches) > 1:
        raise HashellError(AmbiguousCommand(word=text, matches=tuple(matches)))
    if len(matches) == 1:
        session.note(f'"{text}" is accepted as "{matches[0]}"')
        return level.command(matches[0]) or level.level(matches[0])
    return None


def call(session: Session, command: Command, words: list[Word]) -> ExitCode:
    """Check the number of arguments and run the handler."""
    given = [w.text for w in words[1:]]
    where = ".".join([*(level.name for level in session.stack[1:]), command.name])
    if any(g in ("--help", "-h") for g in given[-1:]) and not command.handler.startswith("programs:"):
        session.out(help_text(command))
        return ExitCode.OK
    most = command.most()
    if len(given) < command.least() or (most is not None and len(given) > most):
        raise HashellError(WrongArguments(command=where, usage=command.usage(), given=len(given)))
    if command.statement and command.name.startswith(words[0].text.lower()):
        words = [words[0].named(command.name), *words[1:]]  # an abbreviation of it was accepted
    handler = command.load()
    own = session.output.form == "text" or command.forms or command.statement or command.handler.startswith("programs:")
    if own:
        result = handler(session, words) if command.statement else handler(session, given)
    else:
        result, lines = session.output.collected(lambda: handler(session, given))
        code = result if isinstance(result, ExitCode) else ExitCode.ERROR if result is False else ExitCode.OK
        session.output.document(where.replace(".", " "), int(code), lines)
    if isinstance(result, ExitCode):
        return result
    if result is False:
        return ExitCode.ERROR
    if command.changes and session.options.wait:
        from hashell.shell.waiting import wait_for_transition

        return wait_for_transition(session)
    return ExitCode.OK


def return_to(session: Session, stack: list[Level]) -> None:
    """Back to the levels where the line began, leaving the others as `up` would."""
    error: HashellError | None = None
    while len(session.stack) > len(stack):
        try:
            leave(session, len(session.stack) - 1)
        except HashellError as problem:
            error = error or problem
            session.stack.pop()
    session.stack[:] = stack
    if error is not None and sys.exc_info()[0] is None:
        raise error
    if error is not None:
        session.tell(*error.diagnostics)


def leave(session: Session, depth: int) -> None:
    """Go up until `depth` levels are left, running what a level does on leaving."""
    while len(session.stack) > depth:
        level = session.stack[-1]
        if level.leave:
            module, _, function = level.leave.partition(":")
            if not getattr(importlib.import_module(f"hashell.shell.commands.{module}"), function)(session):
                return
        session.stack.pop()


def change_level(session: Session, path: str) -> None:
    for step in path.split("/"):
        if step in ("", "."):
            continue
        if step == "..":
            leave(session, max(1, len(session.stack) - 1))
            continue
        child = session.level.level(step)
        if child is None:
            raise HashellError(UnknownCommand(level=session.path(), word=step,
                                              known=tuple(x.name for x in session.level.levels)))
        check_skill(session, child)
        session.stack.append(child)


def check_skill(session: Session, level: Level) -> None:
    """Raises HashellError when the user keeps off a level by his own option. No protection: see access roles."""
    order = ("operator", "administrator", "expert")
    own = session.preferences.get("core.skill_level")
    if order.index(own) < order.index(level.skill):
        raise HashellError(CommandFailed(message=f"{level.name}: skill level {level.skill} is needed, yours is {own}",
                                         hint=f"options skill-level {level.skill}"))


def list_children(session: Session) -> None:
    names = ([".."] if len(session.stack) > 1 else []) + session.level.children()
    rows = -(-len(names) // 3)
    for row in range(rows):
        session.out("".join(f"{name:<26}" for name in names[row::rows]).rstrip())


def help_text(command: Command) -> str:
    text = f"{command.name}: {command.summary}\n\n{command.help or command.usage()}"
    if command.example:
        text += "\n\nExample:\n" + "\n".join(f"    {line}" for line in command.example.split("\n"))
    return text + (f"\n\nAlso: {', '.join(command.aliases)}" if command.aliases else "")


def level_help(level: Level) -> str:
    """All that can be typed at a level, with summaries."""
    lines = [f"{level.name}: {level.summary}", ""]
    if level.help:
        lines += [level.help, ""]
    lines += [f"  {name:<18}{level.summary_of(name)}" for name in level.children()]
    common = "help ls cd up quit" if level.name != "hashell" else "help ls cd quit"
    return "\n".join([*lines, "", f"Everywhere: {common}"])


def show_help(session: Session, topic: list[str]) -> None:
    """`help [TOPIC…]`: from the level where we are, or from the root."""
    for start in (session.level, session.root):
        found: Level | Command | None = start
        for word in topic:
            found = (found.command(word) or found.level(word)) if isinstance(found, Level) else None
        if isinstance(found, Command):
            session.out(help_text(found))
            return
        if isinstance(found, Level):
            session.out(level_help(found))
            return
    raise HashellError(UnknownCommand(level="help", word=" ".join(topic), known=tuple(session.level.children())))
