"""Handler of `configure graph`: the configuration as a Graphviz drawing, to the screen, a file or a picture."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hashell.atomicfile import write_atomically
from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed, WrongArguments
from hashell.shell.session import Session


def graph(session: Session, words: list[str]) -> None:
    """`graph [dot [FILE [FORMAT]]]`."""
    from hashell.grammar.drawing import dot_of

    if words and words[0] != "dot":
        raise HashellError(WrongArguments(command="configure.graph", usage="graph [dot [FILE [FORMAT]]]",
                                          problem=f"'{words[0]}' is not a kind of graph"))
    text = dot_of(session.workspace.config)
    if len(words) < 2:
        session.out(text.rstrip("\n"))
        return
    draw(session, text, Path(words[1]), words[2] if len(words) > 2 else "")


def draw(session: Session, text: str, path: Path, form: str = "") -> None:
    """Write a dot text, or the picture made of it when a format is given or the file's ending names one."""
    form = form or (path.suffix.lstrip(".") if path.suffix in (".png", ".svg", ".pdf") else "")
    if not form or form == "dot":
        try:
            write_atomically(path, text)
        except OSError as error:
            raise HashellError(CommandFailed(message=f"cannot write {path}: {error.strerror}")) from None
        session.note(f"{path} written")
        return
    program = shutil.which("dot")
    if program is None:
        raise HashellError(CommandFailed(message=f"a {form} picture needs the program dot, which is not installed",
                                         hint=f"install graphviz, or write the text: graph dot {path.stem}.dot"))
    result = subprocess.run([program, f"-T{form}", "-o", str(path)], input=text, capture_output=True, text=True)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or [f"exit status {result.returncode}"])[0]
        raise HashellError(CommandFailed(message=f"dot: {reason}", hint="formats are those of graphviz: svg, png, pdf"))
    session.note(f"{path} written")
