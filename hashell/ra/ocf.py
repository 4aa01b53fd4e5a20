"""The class `ocf`: agents below OCF_ROOT/resource.d/PROVIDER/TYPE and the bundled ones (daemons spec, section 6.2)."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import OCF_CODES, ExecStatus, OcfCode
from hashell.ra import bundled
from hashell.ra.agent import AgentId, AgentJob, AgentResult, exit_reason, file_stamp
from hashell.ra.diagnostics import AgentNotInstalled, MetadataFailed
from hashell.ra.environment import ocf_environment
from hashell.ra.leftovers import AgentRecord
from hashell.ra.process import ProcessResult, RunningProcess
from hashell.stack.settings import NodeSettings

METADATA_TIMEOUT = 30.0
_METADATA_LIMIT = 4 * 1024 * 1024


def duration_text(seconds: float) -> str:
    """As the original words it in exit reasons: `20s`, `500ms`."""
    return f"{round(seconds * 1000)}ms" if seconds < 1 or seconds % 1 else f"{int(seconds)}s"


def signal_text(number: int) -> str:
    return signal.strsignal(number) or f"number {number}"


def process_outcome(result: ProcessResult, timeout: float) -> AgentResult:
    """Map the end of an agent process to status, return code and exit reason (section 6.1 and 6.2)."""
    output = result.stderr or result.stdout
    if result.timed_out or result.returncode is None:
        reason = f"Resource agent did not complete within {duration_text(timeout)}"
        return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.TIMEOUT, reason, output)
    if result.returncode < 0:
        reason = f"Resource agent was interrupted by {signal_text(-result.returncode)} signal"
        return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, reason, output)
    reason = exit_reason(result.stderr)
    if result.returncode not in OCF_CODES:
        reason = reason or f"Resource agent returned {result.returncode}, which is not an OCF return code"
        return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.DONE, reason, output)
    return AgentResult(result.returncode, ExecStatus.DONE, reason, output)


def start_failure(error: OSError, agent: AgentId) -> AgentResult:
    """The result for an agent that exists but could not be started."""
    if isinstance(error, PermissionError):
        return AgentResult(OcfCode.INSUFFICIENT_PRIV, ExecStatus.ERROR, f"Agent {agent} may not be executed")
    if isinstance(error, FileNotFoundError):
        return not_installed(agent, "it or its interpreter does not exist")
    return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, f"Agent {agent} cannot be started: {error.strerror}")


def not_installed(agent: AgentId, why: str = "") -> AgentResult:
    text = f"Agent {agent} is not installed" + (f": {why}" if why else "")
    return AgentResult(OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED, text)


class OcfClass:
    """Discovery and execution of OCF agents. `env` is the result of environment.daemon_environment; running agents
    are noted in `record`."""

    name = "ocf"
    has_providers = True

    def __init__(
        self, settings: NodeSettings, env: Mapping[str, str], python: str, cwd: Path, record: AgentRecord | None = None
    ) -> None:
        self._root = settings.ocf_root
        self._record = record
        self._env = env
        self._python = python
        self._cwd = cwd

    def providers(self) -> list[str]:
        found = {bundled.PROVIDER, *bundled.STANDS_IN}
        folder = self._root / "resource.d"
        if folder.is_dir():
            found.update(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        return sorted(found)

    def types(self, provider: str) -> list[str]:
        found = set(bundled.ocf_types() if provider == bundled.PROVIDER else bundled.STANDS_IN.get(provider, ()))
        folder = self._root / "resource.d" / provider
        if provider and folder.is_dir():
            found.update(p.name for p in folder.iterdir() if bundled.runnable(p) and not p.name.startswith("."))
        return sorted(found)

    def path(self, agent: AgentId) -> Path | None:
        """The file of the agent, a system one before a bundled one; None when there is none."""
        if not _plain(agent.provider) or not _plain(agent.type):
            return None
        system = self._root / "resource.d" / agent.provider / agent.type
        return system if system.is_file() else bundled.ocf_path(agent.provider, agent.type)

    def installed(self, agent: AgentId) -> bool:
        return self.path(agent) is not None

    def places(self, agent: AgentId) -> tuple[str, ...]:
        return (str(self._root / "resource.d" / (agent.provider or "PROVIDER")),)

    def stamp(self, agent: AgentId) -> object:
        return file_stamp(self.path(agent))

    async def metadata(self, agent: AgentId) -> str:
        path = self.path(agent)
        if path is None:
            raise HashellError(AgentNotInstalled(agent=str(agent), searched=self.places(agent)))
        job = AgentJob(agent, agent.type, "meta-data", METADATA_TIMEOUT)
        try:
            process = self._start(path, job, _METADATA_LIMIT)
        except (OSError, ValueError) as error:
            raise HashellError(MetadataFailed(agent=str(agent), problem=str(error))) from None
        result = await process.wait(METADATA_TIMEOUT)
        outcome = process_outcome(result, METADATA_TIMEOUT)
        if outcome.status != ExecStatus.DONE or outcome.rc != 0 or process.stdout.dropped:
            problem = outcome.reason or f"it returned {outcome.rc}"
            if process.stdout.dropped:
                problem = "it printed more than 4 MiB"
            raise HashellError(MetadataFailed(agent=str(agent), problem=problem))
        return result.stdout

    async def run(self, job: AgentJob) -> AgentResult:
        path = self.path(job.agent)
        if path is None:
            return not_installed(job.agent)
        try:
            process = self._start(path, job)
        except OSError as error:
            return start_failure(error, job.agent)
        except ValueError as error:
            return AgentResult(OcfCode.INVALID_PARAM, ExecStatus.ERROR, f"A parameter cannot be passed: {error}")
        return process_outcome(await process.wait(job.timeout), job.timeout)

    def _start(self, path: Path, job: AgentJob, limit: int = 65536) -> RunningProcess:
        env = ocf_environment(self._env, job, str(self._root))
        argv = [*bundled.command(path, self._python), job.action]
        return RunningProcess.start(argv, env=env, cwd=self._cwd, limit=limit, record=self._record)


def _plain(name: str) -> bool:
    """A name that is one path component: nothing from the CIB may lead out of the agents' folders."""
    return bool(name) and "/" not in name and "\0" not in name and name not in (".", "..")
