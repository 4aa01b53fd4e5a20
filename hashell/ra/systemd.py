"""The class `systemd`: units as resources, through the system bus (daemons specification, section 6.4).

Starting and stopping are jobs of systemd that go on after the call has returned. The end of a job is heard from its
signal, and the unit's state is looked at now and then besides, because signals are lost when the bus is.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from pathlib import Path
from typing import Any

from lxml import etree

from hashell.atomicfile import write_atomically
from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.model.xmltext import representable
from hashell.ra.agent import AgentId, AgentJob, AgentResult, file_stamp
from hashell.ra.dbus import BusError, BusLost, Call, SystemBus
from hashell.ra.diagnostics import AgentNotInstalled, MetadataFailed
from hashell.ra.ocf import duration_text

SUFFIXES = (".service", ".socket", ".mount", ".timer", ".path")
UNIT_FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator", "/run/systemd/generator.late",
        "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
    )
)  # fmt: skip
OVERRIDE_FOLDER = Path("/run/systemd/system")
_OVERRIDE = "50-pacemaker.conf"

_SERVICE = "org.freedesktop.systemd1"
_PATH = "/org/freedesktop/systemd1"
_MANAGER = "org.freedesktop.systemd1.Manager"
_UNIT = "org.freedesktop.systemd1.Unit"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_JOB_REMOVED = f"type='signal',sender='{_SERVICE}',interface='{_MANAGER}',member='JobRemoved'"

_RUNNING = ("active", "reloading", "refreshing")
_CHANGING = ("activating", "deactivating")
_REFUSED = (
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
)
_NO_UNIT = (f"{_SERVICE}.NoSuchUnit", f"{_SERVICE}.LoadFailed", f"{_SERVICE}.UnitMasked")
_LONGEST_LOOK_SECONDS = 2.0
_JOBS_REMEMBERED = 256
_DESCRIPTION = re.compile(r"^Description[ \t]*=[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_SPECIFIER = re.compile("%.")


def unit_name(agent: str) -> str:
    """The unit of an agent: `.service` is understood."""
    return agent if agent.endswith(SUFFIXES) else f"{agent}.service"


class SystemdClass:
    """Units of this machine: `unit_folders` is where systemd reads them from, `bus_address` the bus it is on."""

    name = "systemd"
    has_providers = False

    def __init__(
        self,
        *,
        bus_address: str | None = None,
        unit_folders: tuple[Path, ...] = UNIT_FOLDERS,
        override_folder: Path = OVERRIDE_FOLDER,
    ) -> None:
        self._bus = SystemBus(
            matches=(_JOB_REMOVED,), on_signal=self._signal, greet=self._subscribe, address=bus_address
        )
        self._unit_folders = unit_folders
        self._override_folder = override_folder
        self._jobs: dict[str, asyncio.Future[str]] = {}
        self._ended: deque[tuple[str, str]] = deque(maxlen=_JOBS_REMEMBERED)

    # -- discovery: from the files, so that it works where systemd does not run -----------------------------------

    def providers(self) -> list[str]:
        return []

    def types(self, provider: str) -> list[str]:
        found: set[str] = set()
        for folder in self._unit_folders:
            with contextlib.suppress(OSError):
                found.update(p.name.removesuffix(".service") for p in folder.iterdir() if p.name.endswith(SUFFIXES))
        return sorted(found)

    def installed(self, agent: AgentId) -> bool:
        return self._file(agent) is not None

    def places(self, agent: AgentId) -> tuple[str, ...]:
        return ("/etc/systemd/system", "/usr/lib/systemd/system")

    def stamp(self, agent: AgentId) -> object:
        return file_stamp(self._file(agent))

    def _file(self, agent: AgentId) -> Path | None:
        unit = unit_name(agent.type)
        if "/" in unit or "\0" in unit:
            return None
        stem, at, rest = unit.partition("@")
        names = [unit, f"{stem}@.{rest.rpartition('.')[2]}"] if at else [unit]
        paths = (folder / name for name in names for folder in self._unit_folders)
        return next((path for path in paths if path.is_file()), None)

    async def metadata(self, agent: AgentId) -> str:
        """Made of the unit's description: a unit has no parameters."""
        path = self._file(agent)
        if path is None:
            raise HashellError(AgentNotInstalled(agent=str(agent), searched=self.places(agent)))
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise HashellError(MetadataFailed(agent=str(agent), problem=str(error))) from None
        return _metadata(agent.type, description(text, unit_name(agent.type)))

    async def close(self) -> None:
        """Disconnect from the bus."""
        await self._bus.close()

    # -- actions -----------------------------------------------------------------------------------------------------

    async def run(self, job: AgentJob) -> AgentResult:
        unit = unit_name(job.agent.type)
        actions = {
            "start": self._start, "stop": self._stop, "monitor": self._monitor, "status": self._monitor,
            "reload": self._reload, "restart": self._restart,
        }  # fmt: skip
        action = actions.get(job.action)
        if action is None:
            reason = f"systemd units have no action {job.action}"
            return AgentResult(OcfCode.UNIMPLEMENTED, ExecStatus.NOT_SUPPORTED, reason)
        look = min(_LONGEST_LOOK_SECONDS, job.timeout / 10) if job.timeout else _LONGEST_LOOK_SECONDS
        try:
            async with asyncio.timeout(job.timeout or None):
                return await action(unit, job.agent.type, look)
        except TimeoutError:
            reason = f"systemd did not finish the {job.action} of {unit} within {duration_text(job.timeout)}"
            return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.TIMEOUT, reason)
        except BusLost as error:
            reason = f"No connection to the system bus: {error}"
            return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, reason)
        except BusError as error:
            return _refusal(job.action, unit, error)
        except OSError as error:
            reason = f"The override of {unit} cannot be written: {error.strerror}: {error.filename}"
            return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, reason)

    async def _monitor(self, unit: str, _agent: str, look: float) -> AgentResult:
        path = await self._load(unit)
        state = await self._settled(path, look)
        if state in _RUNNING:
            return AgentResult(OcfCode.OK, ExecStatus.DONE)
        return AgentResult(OcfCode.NOT_RUNNING, ExecStatus.DONE, state)

    async def _start(self, unit: str, agent: str, look: float) -> AgentResult:
        path = await self._load(unit)
        if await self._property(path, "LoadState") == "not-found":
            return _missing(unit)
        self._write_override(unit, agent)
        await self._manager("Reload")
        return await self._carried_out("StartUnit", path, unit, look)

    async def _stop(self, unit: str, _agent: str, look: float) -> AgentResult:
        path = await self._load(unit)
        self._remove_override(unit)
        await self._manager("Reload")
        try:
            await self._job("StopUnit", unit, look)
        except BusError as error:
            if error.name not in _NO_UNIT:
                raise
        while await self._settled(path, look) in _RUNNING:
            await asyncio.sleep(look)
        return AgentResult(OcfCode.OK, ExecStatus.DONE)

    async def _restart(self, unit: str, _agent: str, look: float) -> AgentResult:
        path = await self._load(unit)
        return await self._carried_out("RestartUnit", path, unit, look)

    async def _reload(self, unit: str, _agent: str, look: float) -> AgentResult:
        path = await self._load(unit)
        if not await self._property(path, "CanReload"):
            reason = f"{unit} cannot be reloaded"
            return AgentResult(OcfCode.UNIMPLEMENTED, ExecStatus.NOT_SUPPORTED, reason)
        return await self._carried_out("ReloadUnit", path, unit, look)

    async def _carried_out(self, member: str, path: str, unit: str, look: float) -> AgentResult:
        """Have a job done after which the unit has to run; a reload that fails leaves it running as it was."""
        result = await self._job(member, unit, look)
        state = await self._settled(path, look)
        if state in _RUNNING and (member != "ReloadUnit" or result in ("done", "")):
            return AgentResult(OcfCode.OK, ExecStatus.DONE)
        return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.DONE, await self._why(path, unit, state, result))

    async def _settled(self, path: str, look: float) -> str:
        """The unit's state, once it is not on its way to another."""
        while (state := str(await self._property(path, "ActiveState"))) in _CHANGING:
            await asyncio.sleep(look)
        return state

    async def _why(self, path: str, unit: str, state: str, result: str) -> str:
        """Why a unit is not running after its job ended, in the words of systemd."""
        with contextlib.suppress(BusError):
            if await self._property(path, "LoadState") == "masked":
                return f"{unit} is masked"
        if result == "dependency":
            return f"{state}: a unit that {unit} needs could not be started"
        with contextlib.suppress(BusError):
            outcome = str(await self._property(path, "Result", f"{_SERVICE}.Service"))
            if outcome not in ("", "success"):
                return f"{state}: {outcome}; see: journalctl -u {unit}"
        return state

    # -- what Pacemaker puts beside a unit it controls -----------------------------------------------------------------

    def _override(self, unit: str) -> Path:
        return self._override_folder / f"{unit}.d" / _OVERRIDE

    def _write_override(self, unit: str, agent: str) -> None:
        """systemd must not restart what the cluster watches, nor stop it before the cluster at shutdown."""
        path = self._override(unit)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            "[Unit]", f"Description=Cluster Controlled {agent}",
            "Before=pacemaker.service pacemaker_remote.service hashelld.service", "",
        ]  # fmt: skip
        if unit.endswith(".service"):
            lines += ["[Service]", "Restart=no", ""]
        write_atomically(path, "\n".join(lines).encode() + b"\n", mode=0o644)

    def _remove_override(self, unit: str) -> None:
        path = self._override(unit)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    # -- the bus -------------------------------------------------------------------------------------------------------

    @staticmethod
    async def _subscribe(call: Call) -> None:
        """systemd signals nothing before somebody has asked for it."""
        await call(_SERVICE, _PATH, _MANAGER, "Subscribe", "", [])

    def _signal(self, _interface: str, member: str, body: list[Any]) -> None:
        if member != "JobRemoved" or len(body) < 4:
            return
        job, result = str(body[1]), str(body[3])
        self._ended.append((job, result))
        waiting = self._jobs.get(job)
        if waiting is not None and not waiting.done():
            waiting.set_result(result)

    async def _manager(self, member: str, signature: str = "", *body: Any) -> list[Any]:
        return await self._bus.call(_SERVICE, _PATH, _MANAGER, member, signature, *body)

    async def _load(self, unit: str) -> str:
        """The object path of the unit; one that does not exist has one too."""
        return str((await self._manager("LoadUnit", "s", unit))[0])

    async def _property(self, path: str, name: str, interface: str = _UNIT) -> Any:
        (value,) = await self._bus.call(_SERVICE, path, _PROPERTIES, "Get", "ss", interface, name)
        return value.value

    async def _job(self, member: str, unit: str, look: float) -> str:
        """Have systemd do a job and wait for its end; its result, '' when the signal of its end was missed."""
        (job,) = await self._manager(member, "ss", unit, "replace")
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._jobs[job] = waiting
        try:
            for ended, result in self._ended:
                if ended == job:
                    return result
            while not waiting.done():
                await asyncio.wait([waiting], timeout=look)
                if not waiting.done() and not await self._exists(job):
                    return ""
            return waiting.result()
        finally:
            self._jobs.pop(job, None)

    async def _exists(self, job: str) -> bool:
        try:
            await self._bus.call(_SERVICE, job, _PROPERTIES, "Get", "ss", f"{_SERVICE}.Job", "State")
        except BusError:
            return False
        return True


def description(text: str, unit: str) -> str:
    """The description in a unit's file, with the parts of the unit's name filled in."""
    found = _DESCRIPTION.findall(text)
    stem, _, instance = unit.rpartition(".")[0].partition("@")
    parts = {"%i": instance, "%I": instance, "%n": unit, "%N": unit.rpartition(".")[0], "%p": stem, "%%": "%"}
    return _SPECIFIER.sub(lambda match: parts.get(match[0], match[0]), found[-1]) if found else unit


def _missing(unit: str, what: str = "not found") -> AgentResult:
    return AgentResult(OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED, f"systemd unit {unit} {what}")


def _refusal(action: str, unit: str, error: BusError) -> AgentResult:
    """What an error of systemd means for the cluster."""
    if error.name in _NO_UNIT:
        return _missing(unit, "is masked" if error.name.endswith("Masked") else "not found")
    if error.name in _REFUSED:
        reason = f"systemd does not let this user {action} {unit}"
        return AgentResult(OcfCode.INSUFFICIENT_PRIV, ExecStatus.ERROR, reason)
    return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, f"systemd refused the {action} of {unit}: {error}")


def _metadata(name: str, about: str) -> str:
    agent = etree.Element("resource-agent", {"name": name, "version": "0.1"})
    etree.SubElement(agent, "version").text = "1.1"
    etree.SubElement(agent, "longdesc", {"lang": "en"}).text = representable(about)
    etree.SubElement(agent, "shortdesc", {"lang": "en"}).text = f"systemd unit file for {name}"
    etree.SubElement(agent, "parameters")
    actions = etree.SubElement(agent, "actions")
    for action, extra in (
        ("start", {"timeout": "100s"}), ("stop", {"timeout": "100s"}), ("status", {"timeout": "100s"}),
        ("monitor", {"timeout": "100s", "interval": "60s"}), ("meta-data", {"timeout": "5s"}),
    ):  # fmt: skip
        etree.SubElement(actions, "action", {"name": action, **extra})
    etree.SubElement(agent, "special", {"tag": "systemd"})
    return etree.tostring(agent, encoding="unicode", pretty_print=True)
