"""The state of one shell session: options, where the cluster is, the stack of levels, the working copy."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.shell.diagnostics import Note
from hashell.shell.output import Output
from hashell.shell.preferences import Preferences
from hashell.shell.table import Level, load_tree

if TYPE_CHECKING:
    from hashell.client.cluster import Cluster
    from hashell.shell.loop import LoopThread
    from hashell.shell.workspace import Workspace

T = TypeVar("T")
_OF_A_FILE = ("CibFile.", "Cluster.")


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        found: T = end.value
        return found
    work.close()
    raise RuntimeError(f"{work} waits for something")


@dataclass
class Options:
    """The options of the `hashell` command (language specification, section 7)."""

    force: bool = False
    decline: bool = False
    wait: bool = False
    debug: bool = False
    echo: bool = False
    style: str = ""
    form: str = "text"
    shadow: str = ""
    node: str = ""
    history: str = ""
    temporary: dict[str, str] = field(default_factory=dict)


class Session:
    """One session. Handlers get it as their first argument."""

    def __init__(self, options: Options | None = None, output: Output | None = None, *, interactive: bool = False,
                 root: Level | None = None) -> None:
        self.options = options or Options()
        self.output = output or Output(self.options.style or "color", self.options.form)
        self.preferences = Preferences()
        self.interactive = interactive
        self.root = root or load_tree()
        self.stack: list[Level] = [self.root]
        self.left = False
        self.ignore_shadow = False  #: `cib use live` was said, whatever CIB_shadow is
        self.made_up: object = None  #: the state of the cibstatus level
        self.history: object = None  #: the source and limits of the history level
        self._loop: LoopThread | None = None
        self._cluster: Cluster | None = None
        self._workspace: Workspace | None = None
        self._given = (self.options.force, self.options.wait, self.options.style)
        for name, value in self.options.temporary.items():
            self.preferences.set(name, value)
        self.apply_preferences()

    def apply_preferences(self) -> None:
        """Let the preferences decide what the command line left open."""
        force, wait, style = self._given
        self.options.force = force or self.preferences.on("core.force")
        self.options.wait = wait or self.preferences.on("core.wait")
        self.output.style = style or self.preferences.get("color.style")
        if self._workspace is not None:
            self._workspace.apply_preferences()

    # -- where we are --------------------------------------------------------------------------------------

    @property
    def level(self) -> Level:
        return self.stack[-1]

    def path(self) -> str:
        return " ".join(level.name for level in self.stack[1:])

    def prompt(self) -> str:
        """`hashell(live/node1)configure# `, the language specification's form."""
        return f"hashell({self.cib_name()}){self.path()}# "

    def cib_name(self) -> str:
        if self.options.shadow:
            return self.options.shadow
        environ = self.environ()
        if environ.get("CIB_file"):
            return Path(environ["CIB_file"]).name
        if environ.get("CIB_shadow"):
            return environ["CIB_shadow"]
        return f"live/{self.options.node}" if self.options.node else "live"

    # -- words ---------------------------------------------------------------------------------------------

    def out(self, text: str = "") -> None:
        self.output.out(text)

    def page(self, text: str) -> None:
        """Print a long text: on a terminal through the pager when it does not fit."""
        from hashell.shell.pager import page

        if not (self.interactive and page(text, self.preferences.get("core.pager"), self.output.stdout)):
            self.out(text)

    def tell(self, *diagnostics: Diagnostic) -> None:
        for diagnostic in diagnostics:
            self.output.tell(diagnostic)

    def note(self, message: str) -> None:
        self.tell(Note(message=message))

    def ask(self, question: str, default: bool = False) -> bool:
        """A yes/no question. -F answers yes, -n no; without a terminal the answer is `default`."""
        if self.options.force:
            self.note(f"{question} [YES]")
            return True
        if self.options.decline or not self.interactive:
            return default
        while True:
            try:
                answer = input(f"{question} (y/n)? ").strip().lower()
            except EOFError:
                return default
            if answer in ("y", "yes"):
                return True
            if answer in ("n", "no"):
                return False

    # -- the cluster ---------------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one piece of asynchronous work to its end. What a CIB file does never waits and needs no event loop."""
        on_file = self._cluster is not None and not self._cluster.live
        if on_file and getattr(work, "__qualname__", "").startswith(_OF_A_FILE):
            return _at_once(work)
        if self._loop is None:
            from hashell.shell.loop import LoopThread

            self._loop = LoopThread()
        return self._loop.run(work)

    def cluster(self) -> Cluster:
        """The connection, opened on first use and kept until the command line ends. Raises HashellError."""
        if self._cluster is None:
            from hashell.client.source import FileSource, find_source

            source = find_source(self.environ(), self.options.node)
            if isinstance(source, FileSource):
                from hashell.client.file import CibFile

                self._cluster = _at_once(CibFile.open(source))
            else:
                from hashell.client.cluster import open_cluster

                self._cluster = self.run(open_cluster(source))
        return self._cluster

    def environ(self) -> dict[str, str]:
        """The environment, with the shadow CIB of -c in it."""
        environ = self.base_environ() if self.ignore_shadow else dict(os.environ)
        if self.options.shadow:
            environ.pop("CIB_file", None)
            environ["CIB_shadow"] = self.options.shadow
        return environ

    def base_environ(self) -> dict[str, str]:
        """The environment without shadow CIBs: where the cluster itself is."""
        return {name: value for name, value in os.environ.items() if name != "CIB_shadow"}

    @property
    def connection(self) -> Cluster | None:
        """The connection if there is one already."""
        return self._cluster

    @property
    def is_file(self) -> bool:
        """Whether the cluster is a CIB file."""
        return not self.cluster().live

    @property
    def workspace(self) -> Workspace:
        """The working copy of the configure level, read on first use."""
        if self._workspace is None:
            from hashell.shell.workspace import Workspace

            self._workspace = Workspace(self)
        return self._workspace

    @property
    def working_copy(self) -> Workspace | None:
        """The working copy if one has been read already."""
        return self._workspace

    @property
    def pending(self) -> bool:
        """Whether the working copy differs from what was read, without reading anything."""
        return self._workspace is not None and self._workspace.pending

    def drop_workspace(self) -> None:
        self._workspace = None

    def end_line(self) -> None:
        """After a line: close the connection, and outside the configure level forget the working copy."""
        if all(level.name != "configure" for level in self.stack):
            self._workspace = None
        if self._cluster is not None:
            cluster, self._cluster = self._cluster, None
            if not cluster.live:
                return
            try:
                self.run(cluster.close())
            except HashellError:
                pass

    def close(self) -> None:
        self.end_line()
        if self._loop is not None:
            self._loop.close()
