"""The class `lsb`: init scripts as resources (daemons specification, section 6.3)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lxml import etree

from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.model.xmltext import representable
from hashell.ra import bundled
from hashell.ra.agent import AgentId, AgentJob, AgentResult, file_stamp
from hashell.ra.diagnostics import AgentNotInstalled, MetadataFailed
from hashell.ra.leftovers import AgentRecord
from hashell.ra.ocf import process_outcome, start_failure
from hashell.ra.process import RunningProcess

INIT_FOLDER = Path("/etc/init.d")
#: What an init script returns for `status`, as the code an OCF agent would return for `monitor`.
_STATUS = {
    0: OcfCode.OK, 1: OcfCode.NOT_RUNNING, 2: OcfCode.NOT_RUNNING, 3: OcfCode.NOT_RUNNING,
    4: OcfCode.UNKNOWN_ERROR, 150: OcfCode.NOT_INSTALLED, 151: OcfCode.INSUFFICIENT_PRIV,
}  # fmt: skip
_BEGIN, _END = "### BEGIN INIT INFO", "### END INIT INFO"
_SPECIAL = (
    "Provides", "Required-Start", "Required-Stop", "Should-Start", "Should-Stop", "Default-Start", "Default-Stop",
)  # fmt: skip
_ACTIONS = (
    ("meta-data", "5s", ""), ("start", "15s", ""), ("stop", "15s", ""), ("status", "15s", ""), ("restart", "15s", ""),
    ("force-reload", "15s", ""), ("monitor", "15s", "15s"),
)  # fmt: skip
_HEADER_LIMIT = 64 * 1024


class LsbClass:
    """Init scripts of this machine. `env` is the result of environment.daemon_environment."""

    name = "lsb"
    has_providers = False

    def __init__(
        self, env: Mapping[str, str], cwd: Path, folder: Path = INIT_FOLDER, record: AgentRecord | None = None
    ) -> None:
        self._record = record
        self._env = env
        self._cwd = cwd
        self._folder = folder

    def providers(self) -> list[str]:
        return []

    def types(self, provider: str) -> list[str]:
        with contextlib.suppress(OSError):
            return sorted(p.name for p in self._folder.iterdir() if bundled.runnable(p) and not p.name.startswith("."))
        return []

    def path(self, agent: AgentId) -> Path | None:
        """The script; None when there is none."""
        if "/" in agent.type or "\0" in agent.type or agent.type in ("", ".", ".."):
            return None
        path = self._folder / agent.type
        return path if path.is_file() else None

    def installed(self, agent: AgentId) -> bool:
        return self.path(agent) is not None

    def places(self, agent: AgentId) -> tuple[str, ...]:
        return (str(self._folder),)

    def stamp(self, agent: AgentId) -> object:
        return file_stamp(self.path(agent))

    async def metadata(self, agent: AgentId) -> str:
        """Made of the comment block that init scripts open with."""
        path = self.path(agent)
        if path is None:
            raise HashellError(AgentNotInstalled(agent=str(agent), searched=self.places(agent)))
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(_HEADER_LIMIT)
        except OSError as error:
            raise HashellError(MetadataFailed(agent=str(agent), problem=str(error))) from None
        return _metadata(agent.type, header(text))

    async def run(self, job: AgentJob) -> AgentResult:
        status = job.action in ("monitor", "status")
        path = self.path(job.agent)
        if path is None:
            reason = f"{self._folder / job.agent.type}: No such file or directory"
            return AgentResult(OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED, reason)
        try:
            argv = [str(path), "status" if status else job.action]
            process = RunningProcess.start(argv, env=self._env, cwd=self._cwd, record=self._record)
        except (OSError, ValueError) as error:
            return start_failure(error if isinstance(error, OSError) else OSError(0, str(error)), job.agent)
        ended = await process.wait(job.timeout)
        code = ended.returncode
        if code is not None and code >= 0:
            own = _STATUS.get(code, OcfCode.UNKNOWN_ERROR) if status else (code if code <= 7 else 1)
            ended = replace(ended, returncode=int(own))
        # Init scripts print what they like: a line that looks like an exit reason is none.
        outcome = process_outcome(ended, job.timeout)
        return replace(outcome, reason="") if outcome.status == ExecStatus.DONE else outcome


def header(text: str) -> dict[str, str]:
    """The fields of a script's INIT INFO block; continued lines are joined."""
    fields: dict[str, str] = {}
    name = ""
    _before, found, block = text.partition(_BEGIN)
    for line in block.partition(_END)[0].splitlines() if found else ():
        body = line.removeprefix("#")
        if name and body.startswith(("  ", "\t")):
            fields[name] = f"{fields[name]}\n{body.strip()}"
            continue
        key, colon, value = body.strip().partition(":")
        name = key if colon and " " not in key else ""
        if name:
            fields[name] = value.strip()
    return fields


def _metadata(name: str, fields: Mapping[str, str]) -> str:
    agent = etree.Element("resource-agent", {"name": name, "version": "0.1"})
    etree.SubElement(agent, "version").text = "1.1"
    short = fields.get("Short-Description", f"init script {name}")
    etree.SubElement(agent, "longdesc", {"lang": "en"}).text = representable(fields.get("Description", short))
    etree.SubElement(agent, "shortdesc", {"lang": "en"}).text = representable(short)
    etree.SubElement(agent, "parameters")
    actions = etree.SubElement(agent, "actions")
    for action, timeout, interval in _ACTIONS:
        extra = {"interval": interval} if interval else {}
        etree.SubElement(actions, "action", {"name": action, "timeout": timeout, **extra})
    special = etree.SubElement(agent, "special", {"tag": "LSB"})
    for field in _SPECIAL:
        if field in fields:
            etree.SubElement(special, field).text = representable(fields[field])
    return etree.tostring(agent, encoding="unicode", pretty_print=True)

