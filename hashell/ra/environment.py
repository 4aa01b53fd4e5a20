"""The environment in which agents run (daemons specification, section 6.2). Pure: the inherited one is an argument."""

from __future__ import annotations

from collections.abc import Mapping

from hashell.ra.agent import EXIT_REASON_PREFIX, AgentJob
from hashell.stack.settings import NodeSettings

#: Passed on verbatim instead of as OCF_RESKEY_…
_VERBATIM = frozenset({"OCF_CHECK_LEVEL"})


def daemon_environment(settings: NodeSettings, inherited: Mapping[str, str], python: str) -> dict[str, str]:
    """What every agent of this node gets; `python` is the interpreter that bundled Python agents are run with."""
    env = dict(inherited)
    env.update(settings.env)
    env.update({
        "LC_ALL": "C",
        "HA_cluster_type": "corosync",
        "HA_logfacility": env.get("PCMK_logfacility", "daemon"),
        "HA_debug": "1" if settings.env.get("HASHELL_DEBUG") else "0",
        "HA_RSCTMP": str(settings.agent_dir),
        "PCMK_service": "pacemaker-execd",
        "PCMK_cluster_type": "corosync",
        "HASHELL_PYTHON": python,
        "HASHELL_SETTINGS": settings.to_json(),
    })
    if settings.name:
        env["HASHELL_NODE_NAME"] = settings.name
        # Marks all processes of a node; on an embedded one the supervisor has chosen a value already.
        env.setdefault("HASHELL_NODE", settings.name)
    if settings.embedded:
        env["HASHELL_EMBEDDED"] = "1"
    env.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    return env


def ocf_environment(base: Mapping[str, str], job: AgentJob, ocf_root: str) -> dict[str, str]:
    """The environment of one OCF action: `base` from daemon_environment plus what section 6.2 lists.

    A NUL cannot stand in an environment: such a parameter is cut there, as the original's C strings are.
    """
    env = dict(base)
    env.update({
        "OCF_RA_VERSION_MAJOR": "1",
        "OCF_RA_VERSION_MINOR": "1",
        "OCF_ROOT": ocf_root,
        "OCF_EXIT_REASON_PREFIX": EXIT_REASON_PREFIX,
        "OCF_RESOURCE_INSTANCE": job.resource,
        "OCF_RESOURCE_TYPE": job.agent.type,
        "OCF_RESOURCE_PROVIDER": job.agent.provider,
    })
    for name, value in job.params.items():
        if "=" in name or not name:
            continue
        key = name if name in _VERBATIM else "OCF_RESKEY_" + name.replace("-", "_")
        env[key] = value.split("\0", 1)[0]
    return env
