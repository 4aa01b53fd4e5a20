"""One request against a CIB, from the copy to the patchset: the rules around an operation.

Documents are never changed in place: `perform` returns a new tree, so that whoever holds the old one may keep it.
The order of the steps is that of the daemons specification, section 2.4; the operations themselves are in
`document_edit`. The same function serves the CIB manager and a shell working on a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lxml import etree

from hashell.model import acl, document_edit, patchset
from hashell.model.digest import digest_v2
from hashell.model.document import CallOption, Rc, copy_tree, strip_text
from hashell.model.schema import is_valid, schema_rank, upgrade_target
from hashell.model.version import FEATURE_SET, CibVersion, compare_feature_sets, counter


@dataclass(frozen=True, slots=True)
class OperationKind:
    """What the operation table says of one op (2.2)."""

    modifies: bool = False
    privileged: bool = False
    local: bool = False
    replaces: bool = False
    writes: bool = False
    transaction: bool = False


_MP = OperationKind(modifies=True, privileged=True)
_MPT = replace(_MP, transaction=True)
_P = OperationKind(privileged=True)

OPERATIONS: tuple[tuple[str, OperationKind], ...] = (
    ("cib_query", OperationKind()),
    ("ping", OperationKind()),
    ("noop", OperationKind()),
    ("cib_schemas", OperationKind(local=True)),
    ("cib_create", _MPT),
    ("cib_modify", _MPT),
    ("cib_delete", _MPT),
    ("cib_bump", _MPT),
    ("cib_delete_alt", _MP),
    ("cib_apply_diff", _MPT),
    ("cib_replace", replace(_MPT, replaces=True, writes=True)),
    ("cib_erase", replace(_MPT, replaces=True)),
    ("cib_upgrade", replace(_MPT, writes=True)),
    ("cib_commit_transact", replace(_MP, replaces=True, writes=True)),
    ("cib_master", replace(_MP, local=True)),
    ("cib_slave", replace(_P, local=True)),
    ("cib_ismaster", _P),
    ("cib_sync", _P),
    ("cib_sync_one", _P),
    ("cib_shutdown_req", _P),
)


def operation_kind(op: str) -> OperationKind | None:
    """The table's line for an op, or None for an unknown one."""
    return next((kind for name, kind in OPERATIONS if name == op), None)


@dataclass(frozen=True, slots=True)
class CibRequest:
    """What a `<cib_command>` asks for. `data` is its input element, if any."""

    op: str
    section: str | None = None
    options: CallOption = CallOption.NONE
    data: etree._Element | None = None
    user: str | None = None
    has_client_name: bool = False
    source: str | None = None  #: node the request came through
    is_update: bool = False  #: cib_update="true": leave the counters alone
    digest: str | None = None
    schema_max: str | None = None

    @classmethod
    def of(cls, element: etree._Element) -> CibRequest:
        """Read a request element; unusable option bits count as none."""
        holder = element.find("cib_calldata")
        inputs = [child for child in holder if isinstance(child.tag, str)] if holder is not None else []
        return cls(
            op=element.get("cib_op", ""),
            section=element.get("cib_section"),
            options=CallOption(counter(element, "cib_callopt") & 0x7FFFFFFF),
            data=inputs[0] if inputs else None,
            user=element.get("cib_user"),
            has_client_name=element.get("cib_clientname") is not None,
            source=element.get("src"),
            is_update=element.get("cib_update") == "true",
            digest=element.get("digest"),
            schema_max=element.get("cib_schema_max"),
        )

    @property
    def damaged(self) -> bool:
        """It brings a whole CIB whose digest is not the one that came with it."""
        data = self.data
        return bool(self.digest) and data is not None and data.tag == "cib" and digest_v2(data) != self.digest


@dataclass(frozen=True, slots=True)
class CibOutcome:
    """The result of a request. `document` is the CIB after it: the very same object when nothing happened."""

    rc: int
    document: etree._Element
    output: etree._Element | None = None
    patch: etree._Element | None = None
    config_changed: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a request needs to know of its place."""

    now_text: str = ""  #: cib-last-written, in the form `Mon Nov 23 11:22:45 2026`
    primary: bool = False
    with_digest: bool = False  #: put a digest in the patchset
    groups: Callable[[str], tuple[str, ...]] = lambda user: ()  #: UNIX groups of a user, for ACLs


def perform_query(cib: etree._Element, request: CibRequest, around: Surroundings) -> CibOutcome:
    """A reading request, seen through the user's ACLs."""
    view: etree._Element | None = cib
    if acl.needed(cib, request.user):
        view = acl.readable(cib, request.user or "", around.groups(request.user or ""))
        if view is None:
            return CibOutcome(Rc.EACCES, cib)
    assert view is not None
    rc, output = document_edit.query(view, request.section, request.options)
    return CibOutcome(rc, cib, output)


def perform(cib: etree._Element, request: CibRequest, around: Surroundings) -> CibOutcome:
    """A modifying request, steps 1 to 10 of section 2.4. Activating the result is the caller's."""
    work = copy_tree(cib)
    rc, output, work, touched = _operate(work, request, around)
    if rc:
        return CibOutcome(rc, cib, output)
    strip_text(work)
    if compare_feature_sets(work.get("crm_feature_set", ""), FEATURE_SET) > 0:
        return CibOutcome(Rc.EPROTONOSUPPORT, cib, output)
    if CibVersion.of(work)[:2] < CibVersion.of(cib)[:2]:
        return CibOutcome(Rc.OLD_DATA, cib, output)
    found = patchset.changes(cib, work)
    if acl.needed(cib, request.user) and not acl.may_change(
        cib, work, found, request.user or "", around.groups(request.user or "")
    ):
        return CibOutcome(Rc.EACCES, cib, output)
    config_changed = patchset.touches_configuration(found) or touched.startswith("/cib/configuration")
    if (found or touched) and not request.is_update:
        _count(work, config_changed)
    if config_changed and not request.options & CallOption.NO_MTIME:
        _stamp(work, request, around)
    if found or touched:
        found = patchset.refresh_root(cib, work, found)
    patch = patchset.create(cib, work, found=found, digest=around.with_digest)
    if request.section != "status" and found and not is_valid(work):
        return CibOutcome(Rc.SCHEMA_VALIDATION, cib, work, patch, config_changed)
    if not found or request.options & CallOption.DRYRUN:
        return CibOutcome(Rc.OK, cib, output, patch, config_changed)
    return CibOutcome(Rc.OK, work, output, patch, config_changed)


#: Code, output, the tree to go on with, and the path of an element that was exchanged.
Worked = tuple[int, etree._Element | None, etree._Element, str]


def _operate(work: etree._Element, request: CibRequest, around: Surroundings) -> Worked:
    op, section, options, data = request.op, request.section, request.options, request.data
    if op == "cib_modify":
        return *document_edit.modify(work, section, options, data), work, ""
    if op == "cib_create":
        return *document_edit.create(work, section, options, data), work, ""
    if op == "cib_delete":
        return *document_edit.delete(work, section, options, data), work, ""
    if op == "cib_replace":
        done = document_edit.replace(work, section, options, data, request.digest)
        return done.rc, None, done.root, done.touched
    if op == "cib_erase":
        return Rc.OK, None, document_edit.erase(work), ""
    if op == "cib_bump":
        document_edit.bump(work)
        return Rc.OK, None, work, ""
    if op == "cib_apply_diff":
        return _apply_diff(work, data, around.primary), None, work, ""
    if op == "cib_upgrade":
        return _upgrade(work, request.schema_max), None, work, ""
    if op == "cib_commit_transact":
        return _commit(work, request, around)
    return (Rc.EINVAL if op == "cib_delete_alt" else Rc.EOPNOTSUPP), None, work, ""


def _apply_diff(work: etree._Element, data: etree._Element | None, primary: bool) -> int:
    if data is None:
        return Rc.EINVAL
    rc = patchset.apply(work, data)
    return Rc.DIFF_FAILED if rc == Rc.DIFF_RESYNC and primary else rc


def _upgrade(work: etree._Element, limit: str | None) -> int:
    try:
        target = upgrade_target(work.get("validate-with"), limit)
    except ValueError:
        return Rc.TRANSFORM_FAILED
    if target is None:
        return Rc.SCHEMA_UNCHANGED
    work.set("validate-with", target)
    work.set("admin_epoch", str(counter(work, "admin_epoch") + 1))
    work.set("epoch", "1")
    work.set("num_updates", "1")
    return Rc.OK if is_valid(work) else Rc.TRANSFORM_FAILED


def _commit(work: etree._Element, request: CibRequest, around: Surroundings) -> Worked:
    data = request.data
    if data is None or data.tag != "cib_transaction":
        return Rc.GENERIC, None, work, ""
    for element in data.iterchildren(etree.Element):
        part = CibRequest.of(element)
        kind = operation_kind(part.op)
        if kind is None or not kind.transaction or element.get("cib_host") is not None:
            return Rc.EOPNOTSUPP, None, work, ""
        part = replace(part, user=request.user, source=request.source, has_client_name=request.has_client_name)
        outcome = perform(work, part, replace(around, with_digest=False))
        if outcome.rc:
            return outcome.rc, None, work, ""
        work = outcome.document
    return Rc.OK, None, work, ""


def _count(work: etree._Element, config_changed: bool) -> None:
    if config_changed:
        work.set("num_updates", "0")
        work.set("epoch", str(counter(work, "epoch") + 1))
    else:
        work.set("num_updates", str(counter(work, "num_updates") + 1))


def _stamp(work: etree._Element, request: CibRequest, around: Surroundings) -> None:
    work.set("cib-last-written", around.now_text)
    if schema_rank(work.get("validate-with")) < schema_rank("pacemaker-1.2"):
        return
    user = request.user or None
    for name, value in (
        ("update-origin", request.source),
        ("update-client", user if request.has_client_name else None),
        ("update-user", user),
    ):
        if value is not None:
            work.set(name, value)
        elif name in work.attrib:
            del work.attrib[name]

