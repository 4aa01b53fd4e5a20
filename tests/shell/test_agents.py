"""What the check of a configuration learns from an agent's metadata."""

from __future__ import annotations

from hashell.model.agentmeta import parse_metadata
from hashell.shell.agents import _info

FENCE = """<resource-agent name="fence_x"><parameters>
<parameter name="login" required="1" deprecated="1"><content type="string"/></parameter>
<parameter name="username" required="1" obsoletes="login"><content type="string"/></parameter>
<parameter name="plug" required="1"><content type="string" default="1"/></parameter>
</parameters><actions/></resource-agent>"""


def test_a_parameter_and_its_former_name_are_required_once() -> None:
    known = _info(parse_metadata(FENCE, "stonith:fence_x")).parameters
    assert {name: (p.required, p.former) for name, p in known.items()} == {
        "login": (False, ""), "username": (True, "login"), "plug": (False, "")}
