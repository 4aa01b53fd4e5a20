"""Handlers of `configure template`: files with the values of wizards, kept, edited, and applied to the working copy."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

from hashell.atomicfile import write_atomically
from hashell.grammar.apply import Mode
from hashell.shell.commands.editing import editor_command
from hashell.shell.commands.loading import apply_loaded
from hashell.shell.commands.script import pairs
from hashell.shell.preferences import preferences_file
from hashell.shell.session import Session
from hashell.shell.wizards import failed, load_wizard, wizard_names


def template_folder() -> Path:
    """Where the files are: below the user's configuration folder."""
    return preferences_file().parent / "templates"


def saved_names() -> list[str]:
    return sorted(path.stem for path in template_folder().glob("*.conf"))


def _path(name: str, *, there: bool = True) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", name):
        raise failed(f"'{name}' cannot be the name of a template", "use letters, digits, . _ -")
    path = template_folder() / f"{name}.conf"
    if there and not path.is_file():
        known = saved_names()
        raise failed(f"there is no template {name}", f"there are: {' '.join(known)}" if known else "template new …")
    return path


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise failed(f"cannot write {path}: {error.strerror}") from None


def new(session: Session, words: list[str]) -> None:
    """`new [NAME] SCRIPT… [params name=value…]`: the first word is the name unless it is a script."""
    cut = words.index("params") if "params" in words else len(words)
    head, given = words[:cut], pairs(words[cut + 1:], "new [NAME] SCRIPT… [params NAME=VALUE…]")
    name = head[0]
    scripts = head[1:] if name not in wizard_names() or head[1:] else head
    if not scripts:
        raise failed(f"{name}: no script named", f"scripts: {' '.join(wizard_names())}")
    path = _path(name, there=False)
    if path.exists() and not session.options.force:
        raise failed(f"there is a template {name} already", f"template edit {name}, or template delete {name}")
    lines: list[str] = []
    left = dict(given)
    for wizard in [load_wizard(script) for script in dict.fromkeys(scripts)]:
        lines += [f"# {wizard.summary}", f"[{wizard.name}]"]
        for parameter in wizard.parameters:
            value = given.get(parameter.name, parameter.default)
            left.pop(parameter.name, None)
            lines += [f"# {parameter.about}{' (required)' if parameter.required else ''}",
                      f"{parameter.name} = {value}".rstrip()]
        lines.append("")
    if left:
        raise failed(f"no script has a parameter {' '.join(left)}", f"`script show {scripts[0]}` lists them")
    _write(path, "\n".join(lines))
    session.note(f"template {name} made; `template edit {name}` to fill it in, `template apply {name}` to use it")


def list_(session: Session, words: list[str]) -> None:
    session.out("scripts:   " + " ".join(wizard_names()))
    session.out("templates: " + (" ".join(saved_names()) or "none"))


def generate(name: str) -> str:
    """The configure text of a template. Raises HashellError."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    path = _path(name)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise failed(f"{path}: {str(error).splitlines()[0]}", f"template edit {name}") from None
    if not parser.sections():
        raise failed(f"{path} has no section", f"template delete {name}, then template new {name} SCRIPT")
    return "".join(load_wizard(section).generate(dict(parser.items(section))) for section in parser.sections())


def show(session: Session, words: list[str]) -> None:
    session.out(generate(words[0]).rstrip("\n"))


def load(session: Session, words: list[str]) -> None:
    """The values as they stand in the file."""
    session.out(_path(words[0]).read_text(encoding="utf-8", errors="replace").rstrip("\n"))


def edit(session: Session, words: list[str]) -> None:
    path = _path(words[0])
    command = editor_command(session.preferences.get("core.editor"))
    if subprocess.run([*command, str(path)]).returncode != 0:
        raise failed(f"{command[0]} ended with an error", "the template is as the editor left it")
    generate(words[0])


def apply(session: Session, words: list[str]) -> None:
    """`apply [replace|update] NAME`: into the working copy; `commit` makes it real."""
    method = words[0] if words[0] in ("replace", "update") else "replace"
    rest = words[1:] if words[0] in ("replace", "update") else words
    if len(rest) != 1:
        raise failed("one template is needed", "template apply [replace|update] NAME")
    statements = session.workspace.parser.parse_text(generate(rest[0]), f"(template {rest[0]})").check()
    if method == "replace":
        apply_loaded(session, statements, method)
    else:
        session.workspace.apply(statements, Mode.UPDATE)
    session.note(f"template {rest[0]} applied; `commit` makes it real")


def delete(session: Session, words: list[str]) -> None:
    path = _path(words[0])
    try:
        path.unlink()
    except OSError as error:
        raise failed(f"cannot delete {path}: {error.strerror}") from None
    session.note(f"template {words[0]} deleted")
