"""The working copy behind the configure level: reading, applying, checking and committing (sections 5.1 and 5.3)."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lxml import etree

from hashell.grammar.configuration import Configuration, object_id
from hashell.grammar.parser import CrmParser
from hashell.model.diagnostics import Diagnostic, HashellError, Severity
from hashell.model.threeway import merge
from hashell.shell.agents import ShellAgents

if TYPE_CHECKING:
    from hashell.grammar.apply import Mode
    from hashell.grammar.edit import Editor
    from hashell.grammar.tree import Statement
    from hashell.shell.session import Session

_MERGES = 5
_UNDO = 50


class Workspace:
    """A CIB as read, and the copy being changed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.parser = CrmParser()
        self.agents = ShellAgents(session)
        self.config: Configuration
        self._original: Configuration | None = None
        self._start: bytes | None = None  #: the text of the working copy when it was read; made when first compared
        self._base: etree._Element
        self._earlier: list[etree._Element] = []
        self._planned = self._refused = b""
        #: A container that a script wanted and that was refused: what depends on it would be half a configuration.
        self.incomplete = ""
        self.reload()

    def reload(self) -> None:
        """Read the CIB again; changes are lost. Raises HashellError."""
        cluster = self.session.cluster()
        cib = self.session.run(cluster.cib())
        self._base = cib
        self.incomplete = ""
        self._earlier.clear()
        self._original = None
        self.config = Configuration(cib, self.agents, self.parser)
        self._start = None
        self.apply_preferences()

    @property
    def original(self) -> Configuration:
        """The CIB as read, made when somebody compares with it."""
        if self._original is None:
            self._original = Configuration(self._base, self.agents, self.parser)
            self.apply_preferences()
        return self._original

    def apply_preferences(self) -> None:
        """Sorting and hiding as the user wants them."""
        preferences = self.session.preferences
        hidden = tuple(preferences.get("core.obscure_pattern").replace("|", " ").split())
        for config in (self.config, *([self._original] if self._original is not None else [])):
            config.sort = preferences.on("core.sort_elements")
            config.obscure = hidden

    @property
    def pending(self) -> bool:
        if self._start is None:
            self._start = _text(self.original)
        return self._start != _text(self.config)

    def mark_planned(self) -> None:
        """Note that what is pending has been shown as a plan."""
        self._planned = _text(self.config)

    @property
    def only_planned(self) -> bool:
        """Whether nothing was changed or committed since the plan was shown."""
        return self._planned == _text(self.config)

    # -- changing ------------------------------------------------------------------------------------------

    def apply(self, statements: Iterable[Statement], mode: Mode, *, part: bool = False,
              previous: etree._Element | None = None) -> None:
        """Apply statements, telling side effects. Raises HashellError with nothing changed.

        part: of a larger change, whose beginning the caller remembers. previous: the document that is replaced.
        """
        from hashell.grammar.apply import Applier

        applier = Applier(self.config, mode, previous)
        applier.apply(statements)
        if not part:
            self.remember(applier.before)
        self.session.tell(*applier.notes)

    def remember(self, before: etree._Element) -> None:
        """Keep what the working copy was before a change, for `undo`."""
        self._earlier.append(before)
        del self._earlier[:-_UNDO]

    def undo(self) -> bool:
        """Take the last change of the working copy back; False if there is none."""
        current = _text(self.config)
        while self._earlier:
            self.config.restore(self._earlier.pop())
            if _text(self.config) != current:
                return True
        return False

    def editor(self) -> Editor:
        from hashell.grammar.edit import Editor

        return Editor(self.config)

    # -- looking -------------------------------------------------------------------------------------------

    def diff(self) -> list[str]:
        """Unified difference of the text forms, without the file lines; [] if they are equal."""
        import difflib

        before = self.original.show(reveal=True).splitlines()
        after = self.config.show(reveal=True).splitlines()
        return list(difflib.unified_diff(before, after, lineterm=""))[2:]

    def findings(self, everything: bool = False) -> tuple[list[Diagnostic], list[Diagnostic]]:
        """What the schema refuses, and what the semantic check finds in changed (or all) objects.

        Nothing is found in what access rules show in part: it would look wrong for what is missing.
        """
        if self._hidden():
            self.session.note("you may see a part of the configuration only: the cluster alone checks it")
            return [], []
        from hashell.grammar.check import check
        from hashell.grammar.schema_rules import schema_faults
        from hashell.grammar.selection import changed

        elements = self.config.objects() if everything else changed(self.config, self.original)
        return schema_faults(self.config), check(self.config, elements)

    # -- commit --------------------------------------------------------------------------------------------

    def commit(self, *, force: bool = False, replace: bool = False, last: bool = False) -> bool:
        """Check and make the changes real. False: there was nothing to do. Raises HashellError.

        last: the working copy is not used any more, so it need not be read again.
        """
        if not self.pending:
            return False
        self._refused = _text(self.config)
        self._approve(force)
        cluster = self.session.cluster()
        old, new = copy.deepcopy(self._base), self.config.snapshot()
        if replace:
            self.session.run(cluster.replace(new))
        else:
            self._commit(old, new)
        self._refused = b""
        if not last:
            self.reload()
        return True

    @property
    def was_refused(self) -> bool:
        """Whether these very changes were to be committed before, in vain."""
        return self._refused == _text(self.config)

    def _commit(self, old: etree._Element, new: etree._Element) -> None:
        """Commit; changes that others made meanwhile survive if they do not touch ours. Raises HashellError."""
        from hashell.client.diagnostics import Conflict

        cluster = self.session.cluster()
        for _ in range(_MERGES):
            try:
                self.session.run(cluster.commit(old, new))
                return
            except HashellError as error:
                if not isinstance(error.diagnostics[0], Conflict):
                    raise
                current = self.session.run(cluster.cib())
                merged = merge(old, new, current)
                if merged is None:
                    self._tell_overlap(old, new, current)
                    raise
                old, new = current, merged
                self.session.note("somebody else changed other parts of the configuration meanwhile; both are kept")
        raise HashellError(Conflict(expected="a quiet moment", found="changing all the time"))

    def _tell_overlap(self, base: etree._Element, mine: etree._Element, current: etree._Element) -> None:
        """Show what was changed meanwhile in the objects that are changed here too."""
        import difflib

        from hashell.grammar.selection import changed

        before, ours, theirs = (Configuration(c, self.agents, self.parser) for c in (base, mine, current))
        touched = {object_id(e): None for e in [*changed(ours, before), *changed(before, ours)]}
        other = {object_id(e): None for e in [*changed(theirs, before), *changed(before, theirs)]}
        for name in [name for name in other if name in touched]:
            now, wanted = (_lines(config, name) for config in (theirs, ours))
            self.session.out(f"{name} as it is now (-) and as you want it (+):")
            for line in list(difflib.unified_diff(now, wanted, lineterm="", n=99))[3:]:
                self.session.out(f"  {line}")

    def _approve(self, force: bool) -> None:
        from hashell.shell.diagnostics import NotCommitted

        if self.incomplete:
            raise HashellError(NotCommitted(errors=1, forcible=False, missing=self.incomplete))
        refused, found = self.findings()
        if self.session.preferences.get("core.check_frequency") != "always":
            found = []
        if self.session.preferences.get("core.check_mode") == "relaxed":
            found = [_as_warning(f) for f in found]
        self.session.tell(*refused, *(f for f in found if f not in refused))
        errors = [f for f in found if f.severity is Severity.ERROR]
        fatal = any(getattr(f, "fatal", False) for f in errors)
        forced = force or self.session.options.force
        if refused or fatal or (errors and not forced and not self._insist()):
            count = len(refused) + len(errors)
            raise HashellError(NotCommitted(errors=count, forcible=not refused and not fatal))
        if errors and forced:
            self.session.note("commit forced")

    def _hidden(self) -> bool:
        from hashell.client.pieces import partly_seen

        return self.session.cluster().live and partly_seen(self._base)

    def _insist(self) -> bool:
        return self.session.ask("Do you still want to commit?")


def _lines(config: Configuration, name: str) -> list[str]:
    element = config.find(name)
    return config.text_of(element).splitlines() if element is not None else []


def _as_warning(finding: Diagnostic) -> Diagnostic:
    """A semantic error as the warning it is in relaxed mode; fatal ones stay."""
    if finding.severity is not Severity.ERROR or getattr(finding, "fatal", False):
        return finding
    from hashell.grammar.diagnostics import CheckWarning

    return CheckWarning(message=finding.text(), hint=finding.remedy())


def _text(config: Configuration) -> bytes:
    """The CIB without its counters and status, for telling whether two are equal."""
    return etree.tostring(config.configuration) + config.schema.encode()
