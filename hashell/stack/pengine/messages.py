"""What is wrong with a configuration, as data: errors and warnings found while a CIB is unpacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hashell.model.diagnostics import Diagnostic, Place, Severity
from hashell.model.exitcodes import ExitCode

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet

#: kind -> (text, remedy); fields in braces.
_WORDING: dict[str, tuple[str, str]] = {
    "feature-set": (
        "The configuration is of a newer version ({have}) than this policy engine knows ({known})",
        "update this node",
    ),
    "node-type": ("Node {id} has unknown type '{value}': it and all after it are ignored", "use member or remote"),
    "node-twice": ("There is more than one node entry with name '{id}'", "remove all but one"),
    "no-id": ("An element {tag} without id is ignored", "give it an id"),
    "reference": ("Nothing has the id '{value}' that {id} refers to", "correct the reference"),
    "template": ("Resource {id} cannot use template '{value}'", "name an existing template of the same kind"),
    "resource": ("Resource {id} is invalid and ignored: {value}", "correct or remove it"),
    "option": ("Resource {id}: '{value}' is no valid {name}, the default is used", "correct the value"),
    "target-role": ("Resource {id}: '{value}' is no usable target-role", "use Started, Stopped or a promotable role"),
    "operation": ("Operation {id}: '{value}' is no usable {name}", "correct the operation"),
    "no-fencing": (
        "Resource start-up disabled since no fence device is defined",
        "define one, or set stonith-enabled=false if data loss is acceptable",
    ),
    "quorum-policy": ("no-quorum-policy={value} needs fencing, stop is used", "enable fencing or choose another"),
    "history": ("The history entry {id} on {value} is unusable and ignored", ""),
    "orphan": ("{id} is active on {value} but not configured", "delete its history or configure it"),
    "constraint": ("Constraint {id} is ignored: {value}", "correct or remove it"),
    "fencing-level": ("Fencing level {id} is ignored: {value}", "correct the level"),
    "discovery": ("Node {id}: resource-discovery-enabled is not supported there", "use location constraints"),
    "unclean": (
        "Node {name} is unclean and nobody may fence it, so what it may run is started nowhere else",
        "regain quorum, or enable fencing and define a device; only if it is certainly off: node clearstate",
    ),
    "failed": ("Failure of {name} of {id} on {value}", "see the failed actions of the status"),
}


@dataclass(frozen=True, kw_only=True)
class ConfigProblem(Diagnostic):
    """One problem of the configuration or status; `kind` selects the wording."""

    code: ClassVar[str] = "H701"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    kind: str
    warning: bool = False
    id: str = ""
    name: str = ""
    value: str = ""

    @property
    def level(self) -> Severity:
        return Severity.WARNING if self.warning else Severity.ERROR

    def text(self) -> str:
        fields = {"id": self.id, "name": self.name, "value": self.value, "tag": self.name}
        if self.kind == "feature-set":
            fields.update(have=self.value, known=self.name)
        return _WORDING[self.kind][0].format(**fields)

    def remedy(self) -> str:
        return _WORDING[self.kind][1]

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place and str(self.place) else ""
        remedy = self.remedy()
        return f"{where}{self.level}: {self.text()}" + (f" ({remedy})" if remedy else "")


def place_of(element: _Element | None) -> Place | None:
    """The line of an element in its file, if it came from one."""
    line = getattr(element, "sourceline", None)
    return Place(line=line) if isinstance(line, int) else None


def config_error(
    ws: WorkingSet, kind: str, element: _Element | None = None, *, id: str = "", name: str = "", value: str = ""
) -> None:
    """Record an error of the configuration; the run goes on without what is wrong."""
    ws.processing_error = True
    ws.messages.append(ConfigProblem(kind=kind, place=place_of(element), id=id, name=name, value=value))


def config_warning(
    ws: WorkingSet, kind: str, element: _Element | None = None, *, id: str = "", name: str = "", value: str = ""
) -> None:
    """Record a warning about the configuration."""
    ws.processing_warning = True
    ws.messages.append(ConfigProblem(kind=kind, warning=True, place=place_of(element), id=id, name=name, value=value))
