"""Editing the configuration in an editor, and piping it through a command (section 5.1)."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from lxml import etree

from hashell.grammar.apply import Mode
from hashell.grammar.configuration import object_id
from hashell.grammar.selection import select
from hashell.grammar.tree import Statement
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import pretty
from hashell.shell.commands.loading import _xml_statements
from hashell.shell.diagnostics import CommandFailed
from hashell.shell.session import Session

Element = etree._Element


def editor_command(preferred: str = "") -> list[str]:
    """The user's editor as a command. Raises HashellError when there is none."""
    chosen = preferred or os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if chosen:
        return shlex.split(chosen)
    for name in ("vim", "vi", "emacs", "nano"):
        if shutil.which(name):
            return [name]
    raise HashellError(CommandFailed(message="no editor found", hint="set EDITOR, or: options set editor PROGRAM"))


def edit(session: Session, words: list[str]) -> None:
    """`edit [xml] [SPEC…]`: again and again until the text is in order or discarded."""
    if not session.interactive:
        raise HashellError(CommandFailed(message="edit is not allowed in batch mode",
                                         hint="use load, filter or set in scripts"))
    as_xml, elements, text = _selection(session, words)
    command = editor_command(session.preferences.get("core.editor"))
    current = text
    while True:
        current = _run_editor(command, current, as_xml)
        if current == text:
            return
        try:
            replace_selection(session, elements, current, as_xml)
            return
        except HashellError as error:
            session.tell(*error.diagnostics)
            if not session.ask("Edit or discard changes (yes to edit, no to discard)?"):
                return


def filter_(session: Session, words: list[str]) -> None:
    """`filter COMMAND [xml] [SPEC…]`."""
    as_xml, elements, text = _selection(session, words[1:], one_line=True)
    try:
        result = subprocess.run(words[0], shell=True, input=text + "\n", capture_output=True, text=True)  # noqa: S602
    except OSError as error:
        raise HashellError(CommandFailed(message=f"filter: {words[0]}: {error.strerror}")) from None
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or [f"exit status {result.returncode}"])[-1]
        raise HashellError(CommandFailed(message=f"filter: {words[0]}: {reason}"))
    if result.stdout.strip() != text.strip():
        replace_selection(session, elements, result.stdout, as_xml)


def _selection(session: Session, words: list[str], one_line: bool = False) -> tuple[bool, list[Element], str]:
    space = session.workspace
    as_xml = words[:1] == ["xml"]
    chosen = select(space.config, words[1:] if as_xml else words, space.original)
    elements = space.config.objects() if chosen is None else chosen
    if as_xml:
        return True, elements, pretty(space.config.show_xml(chosen))
    return False, elements, space.config.show(elements, reveal=True, one_line=one_line)


def _run_editor(command: list[str], text: str, as_xml: bool) -> str:
    modeline = "#vim:set syntax=pcmk\n" if Path(command[0]).name.startswith("vi") and not as_xml else ""
    handle, path = tempfile.mkstemp(prefix="hashell-", suffix=".xml" if as_xml else ".crm")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n" + modeline)
        try:
            status = subprocess.run([*command, path]).returncode
        except OSError as error:
            raise HashellError(CommandFailed(message=f"{command[0]}: {error.strerror}",
                                             hint="set the environment variable EDITOR")) from None
        if status != 0:
            raise HashellError(CommandFailed(message=f"{command[0]} ended with status {status}; nothing was changed"))
        edited = Path(path).read_text(encoding="utf-8", errors="replace")
    finally:
        os.unlink(path)
    return edited.removesuffix(modeline).rstrip("\n")


def replace_selection(session: Session, elements: list[Element], text: str, as_xml: bool) -> None:
    """Take the edited text for the selected objects: changed, new, and deleted where taken away."""
    space = session.workspace
    statements = _xml_statements(text, "the edited text") if as_xml else space.parser.parse_text(
        text, "(edited text)").check()
    before = space.config.snapshot()
    known = [(e.tag == "node", object_id(e)) for e in elements]
    try:
        _refuse_outsiders(session, known, statements)
        space.apply(statements, Mode.EDIT, part=True)
        kept = {(s.is_node, s.id or "fencing_topology") for s in statements}
        gone = [name for is_node, name in known if (is_node, name) not in kept]
        space.editor().delete([name for name in gone if space.config.find(name) is not None])
    except HashellError:
        space.config.restore(before)
        raise
    space.remember(before)


def _refuse_outsiders(session: Session, known: list[tuple[bool, str]], statements: list[Statement]) -> None:
    config = session.workspace.config
    outside = [s.id for s in statements if s.id and (s.is_node, s.id) not in known and (
        config.find_node(s.id) if s.is_node else config.find(s.id)) is not None]
    if outside:
        raise HashellError(CommandFailed(message=f"elements {', '.join(outside)} already exist",
                                         hint="select them too, or use other ids"))
