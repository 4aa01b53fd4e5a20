"""What the prompt knows of the cluster, kept in memory and renewed behind the user's back.

Completion, colours and the toolbar look only here, so no key waits for a daemon, an agent or a disk. A thread of its
own reads the CIB, the state, agents and folders and swaps in what it found.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hashell.grammar.agents import AgentInfo, resolve_provider
from hashell.model.diagnostics import HashellError

if TYPE_CHECKING:
    from hashell.grammar.configuration import Configuration
    from hashell.grammar.lines import Word
    from hashell.shell.completers import Candidate
    from hashell.shell.session import Session
    from hashell.shell.table import Level

_SECONDS = 5.0


@dataclass(frozen=True)
class Snapshot:
    """One look at the cluster. `problem` says why there is nothing to see."""

    config: Configuration | None = None
    cluster: str = ""
    dc: str = ""
    quorum: bool = False
    live: bool = False
    nodes: int = 0
    online: int = 0
    problems: int = 0
    problem: str = ""


class Knowledge:
    """The present snapshot, and what agents and folders have told so far. Quacks like a session for completers."""

    def __init__(self, session: Session, on_change: Callable[[bool], None] = lambda asked: None) -> None:
        from hashell.grammar.configuration import Configuration
        from hashell.grammar.parser import CrmParser

        self._session = session
        self._on_change = on_change  #: called in the thread; its argument: whether something that was asked for came
        self.snapshot = Snapshot()
        self.version = 0  #: counts changes, so that what was painted with older knowledge is painted anew
        self.pending = 0  #: objects of the working copy that are changed
        self._empty = Configuration(_no_cib())
        self._parser = CrmParser()
        self._disk: dict[tuple[str, str], list[Candidate]] = {}
        self._infos: dict[str, AgentInfo | None] = {}
        self._asked: set[tuple[str, str]] = set()
        self._jobs: queue.Queue[tuple[str, str] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="hashell-knowledge", daemon=True)

    # -- for completers ------------------------------------------------------------------------------------

    @property
    def level(self) -> Level:
        return self._session.level

    @property
    def root(self) -> Level:
        return self._session.root

    @property
    def workspace(self) -> Knowledge:
        return self

    @property
    def agents(self) -> Knowledge:
        return self

    @property
    def config(self) -> Configuration:
        """The working copy if there is one, else the CIB as it was seen last."""
        space = self._session.working_copy
        return space.config if space is not None else self.snapshot.config or self._empty

    def end_line(self) -> None:
        """Nothing was opened."""

    def remembered(self, name: str, word: str) -> list[Candidate]:
        """Values that come from a disk, as far as they are known; the others are asked for."""
        key = (name, word.rpartition("/")[0] if name == "files" else "")
        if key not in self._disk:
            self._ask(*key)
        return self._disk.get(key, [])

    def types(self, standard: str, provider: str = "") -> list[str]:
        prefix = f"{standard}:{provider}:" if provider else f"{standard}:"
        return [c.text.removeprefix(prefix) for c in self.remembered("agents", "") if c.text.startswith(prefix)]

    def providers(self, agent: str) -> list[str]:
        return [c.text.split(":")[1] for c in self.remembered("agents", "")
                if c.text.startswith("ocf:") and c.text.endswith(f":{agent}")]

    def info(self, standard: str, provider: str, agent: str) -> AgentInfo | None:
        name = ":".join(filter(None, (standard, provider, agent)))
        if name not in self._infos:
            self._ask("info", name)
        return self._infos.get(name)

    # -- for highlighting ----------------------------------------------------------------------------------

    def has(self, kind: str, name: str) -> bool | None:
        config = self.config
        if config is self._empty:
            return None
        if kind == "nodes":
            return name in config.node_names()
        if kind not in ("ids", "resources", "primitives", "groups"):
            return None
        element = config.find(name)
        if element is None:
            return False
        wanted = {"primitives": ("primitive",), "groups": ("group",)}.get(kind)
        return wanted is None or element.tag in wanted

    def parse(self, words: list[Word]) -> Any:
        return self._parser.parse_words(words)

    def parameters(self, agent: str) -> list[str] | None:
        parts = agent.split(":")
        if agent.startswith("@") or not self._disk.get(("agents", "")):
            return None
        if len(parts) == 1:
            fencing = agent.startswith("fence_")
            parts = ["stonith", "", agent] if fencing else ["ocf", resolve_provider(self, agent), agent]
        elif len(parts) == 2:
            parts = [parts[0], resolve_provider(self, parts[1]) if parts[0] == "ocf" else "", parts[1]]
        found = self.info(*parts[:3])
        return list(found.parameters) if found is not None and not found.partial else None

    # -- behind the prompt ---------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()
        for name in ("agents", "shadows", "templates"):
            self._ask(name, "")

    def stop(self) -> None:
        self._jobs.put(None)
        self._thread.join(timeout=2.0)

    def renew(self) -> None:
        """After a command: everything may be different."""
        from hashell.grammar.selection import changed

        space = self._session.working_copy
        self.pending = len(changed(space.config, space.original)) if space is not None and space.pending else 0
        for key in [k for k in self._disk if k[0] in ("files", "shadows", "templates", "sessions")]:
            self._asked.discard(key)
            del self._disk[key]
        self._jobs.put(("cib", ""))

    def _ask(self, name: str, about: str) -> None:
        if (name, about) not in self._asked:
            self._asked.add((name, about))
            self._jobs.put((name, about))

    def _work(self) -> None:
        from hashell.shell.session import Options, Session

        reader = Session(Options())
        reader.options = self._session.options
        self._look(reader)
        while True:
            try:
                job = self._jobs.get(timeout=_SECONDS)
            except queue.Empty:
                job = ("cib", "")
            if job is None:
                break
            try:
                self._do(reader, *job)
            except Exception:  # noqa: BLE001, S112  # whatever cannot be known is not proposed
                continue
        reader.close()

    def _do(self, reader: Session, name: str, about: str) -> None:
        from hashell.shell.completers import values

        if name == "cib":
            self._look(reader)
            return
        if name == "info":
            standard, _, rest = about.partition(":")
            provider, _, agent = rest.rpartition(":")
            self._infos[about] = reader.workspace.agents.info(standard, provider, agent)
        else:
            self._disk[name, about] = values(reader, name, f"{about}/" if about else "")
        self._changed(asked=True)

    def _look(self, reader: Session) -> None:
        """Read CIB and state, and swap them in."""
        from hashell.grammar.configuration import Configuration

        reader.ignore_shadow = self._session.ignore_shadow
        try:
            cluster = reader.cluster()
            cib = reader.run(cluster.cib())
            board = reader.run(cluster.board())
            new = Snapshot(Configuration(cib), board.cluster_name, board.dc, board.have_quorum, cluster.live,
                           len(board.nodes), sum(n.healthy for n in board.nodes), len(board.problems))
        except HashellError as error:
            new = Snapshot(problem=error.diagnostics[0].text())
        finally:
            reader.end_line()
        self.snapshot = new
        self._changed()

    def _changed(self, *, asked: bool = False) -> None:
        self.version += 1
        self._on_change(asked)


def _no_cib() -> Any:
    from lxml import etree

    return etree.fromstring("<cib><configuration/></cib>")
