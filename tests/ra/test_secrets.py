from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hashell.model.outcomes import ExecStatus
from hashell.ra.agent import AgentId, AgentJob
from hashell.ra.registry import AgentRegistry
from hashell.ra.secrets import SecretMissing, resolve, secrets_folder
from hashell.stack.settings import NodeSettings


def keep(folder: Path, resource: str, name: str, value: str, sign: str | None = None) -> None:
    (folder / resource).mkdir(parents=True, exist_ok=True)
    (folder / resource / name).write_text(value + "\n")
    (folder / resource / f"{name}.sign").write_text((sign or hashlib.md5(value.encode()).hexdigest()) + "\n")


def test_values_replace_their_placeholder(tmp_path: Path) -> None:
    keep(tmp_path, "r", "passwd", "s3cret\u00e9")
    assert resolve({"passwd": "lrm://", "user": "x"}, "r", tmp_path) == {"passwd": "s3cret\u00e9", "user": "x"}


@pytest.mark.parametrize(("resource", "name"), [("r", "other"), ("r", "bad"), ("..", "x"), ("r", "../r/passwd")])
def test_what_cannot_be_had_is_named(tmp_path: Path, resource: str, name: str) -> None:
    keep(tmp_path, "r", "passwd", "s3cret")
    keep(tmp_path, "r", "bad", "s3cret", "0" * 32)
    with pytest.raises(SecretMissing) as caught:
        resolve({name: "lrm://"}, resource, tmp_path)
    assert name in str(caught.value) and "s3cret" not in str(caught.value)


async def test_agents_get_the_value_and_can_always_stop(settings: NodeSettings) -> None:
    registry = AgentRegistry.of(settings)
    job = AgentJob(AgentId("ocf", "nasty", "odd"), "r", "demote", 20, params={"passwd": "lrm://"})
    result = await registry.run(job)
    assert (result.rc, result.status) == (6, ExecStatus.NO_SECRETS) and "passwd" in result.reason
    stop = AgentJob(AgentId("ocf", "hashell", "Dummy"), "r", "stop", 20, params={"passwd": "lrm://"})
    assert (await registry.run(stop)).rc == 0
    keep(secrets_folder(settings.state_dir), "r", "passwd", "s3cret")
    assert "OCF_RESKEY_passwd=s3cret" in (await registry.run(job)).output
