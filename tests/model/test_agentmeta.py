import pytest

from hashell.model.agentmeta import parse_metadata
from hashell.model.diagnostics import HashellError

OCF = """<?xml version="1.0"?>
<resource-agent name="db" version="2.1"><version>1.1</version>
<longdesc lang="de">lang</longdesc><longdesc lang="en"> long </longdesc><shortdesc lang="en">short</shortdesc>
<parameters>
<parameter name="config" unique-group="address" required="1"><shortdesc>c</shortdesc>
<content type="string" default="/etc/db"/></parameter>
<parameter name="pid" unique="1"><content type="string"/></parameter>
<parameter name="level" reloadable="1"><content type="select" default="a"><option value="a"/><option value="b"/>
</content></parameter>
<parameter name="passwd" reloadable="1"/>
</parameters>
<actions><action name="monitor" timeout="20s" interval="10s" depth="0" role="Promoted"/>
<action name="monitor" timeout="21s" interval="11s" role="Unpromoted"/><action name="reload-agent" timeout="5"/>
<action name="promote"/><action name="demote"/></actions></resource-agent>"""


def test_ocf_parameters_and_actions() -> None:
    meta = parse_metadata(OCF, "ocf:x:db")
    assert (meta.name, meta.version, meta.ocf_version) == ("db", "2.1", "1.1")
    assert (meta.longdesc, meta.shortdesc) == ("long", "short")
    config, pid, level, passwd = meta.parameters
    assert (config.unique_group, config.required, config.default) == ("address", True, "/etc/db")
    assert (pid.unique_group, pid.default, pid.required) == ("pid", None, False)
    assert (level.choices, level.reloadable, level.default) == (("a", "b"), True, "a")
    assert passwd.type == "string"
    assert [(a.name, a.role, a.timeout) for a in meta.actions][:2] == [
        ("monitor", "Promoted", "20s"),
        ("monitor", "Unpromoted", "21s"),
    ]
    assert meta.promotable


def test_reload_and_private_lists() -> None:
    meta = parse_metadata(OCF, "db")
    assert meta.non_reloadable() == ["config", "pid"]
    assert meta.private() == ["passwd"]
    legacy = parse_metadata(OCF.replace("reload-agent", "reload").replace('name="pid"', 'name="pid" private="1"'), "db")
    assert legacy.non_reloadable() == ["config", "pid"]
    assert legacy.private() == ["pid"]
    assert parse_metadata(OCF.replace("reload-agent", "x"), "db").non_reloadable() is None


def test_fence_agent_flags() -> None:
    meta = parse_metadata(
        '<resource-agent name="fence_x" shortdesc="X"><parameters><parameter name="port" unique="0" required="1">'
        '<getopt mixed="-n"/><content type="string"/></parameter></parameters>'
        '<actions><action name="on" automatic="1" on_target="1"/><action name="off"/></actions></resource-agent>',
        "stonith:fence_x",
    )
    on = meta.action("on")
    assert on is not None and on.automatic and on.on_target
    assert meta.shortdesc == "X" and not meta.supports("reboot")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("usage: agent", "not well-formed"),
        ("<cib/>", "root is <cib>"),
        ("<resource-agent><parameters><parameter/></parameters></resource-agent>", "no name"),
        ("<resource-agent><actions><action timeout='1'/></actions></resource-agent>", "no name"),
    ],
)
def test_unusable_metadata_is_one_message(text: str, problem: str) -> None:
    with pytest.raises(HashellError) as caught:
        parse_metadata(text, "ocf:x:y")
    assert "ocf:x:y" in str(caught.value) and problem in str(caught.value)
