"""Bad input to `hashell simulate`: one clear message, the exit code of the original's tools, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashell.model.exitcodes import ExitCode
from hashell.shell.simulate import main

_GOOD = """<cib crm_feature_set="3.20.0" validate-with="pacemaker-3.10" epoch="1" num_updates="0" admin_epoch="0"
 have-quorum="1" dc-uuid="1" execution-date="1700000000"><configuration><crm_config><cluster_property_set id="o">
<nvpair id="o1" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="node1"/></nodes><resources>
<primitive id="A" class="ocf" provider="pacemaker" type="Dummy"/>
<primitive id="B" class="ocf" provider="pacemaker" type="Dummy"/></resources><constraints/></configuration>
<status><node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>
"""
_LOCATION = '<constraints><rsc_location id="l" rsc="A"><rule id="r" score="1" {}>{}</rule></rsc_location></constraints>'


def _constraint(text: str) -> str:
    return _GOOD.replace("<constraints/>", f"<constraints>{text}</constraints>")


_REFUSED = {
    "empty": ("", ExitCode.DATAERR, "well-formed"),
    "cut off": (_GOOD[:300], ExitCode.DATAERR, "well-formed"),
    "no XML": ("hello", ExitCode.DATAERR, "well-formed"),
    "no CIB": ("<foo/>", ExitCode.ERROR, "<foo>"),
    "no configuration": ('<cib validate-with="pacemaker-3.10"/>', ExitCode.CONFIG, "configuration"),
    "unknown section": (_GOOD.replace("<constraints/>", "<constraints/><widgets/>"), ExitCode.CONFIG, "widgets"),
    "unknown schema": (_GOOD.replace("pacemaker-3.10", "pacemaker-99"), ExitCode.ERROR, "pacemaker-99"),
    "reference of a location": (
        _constraint('<rsc_location id="l" rsc="nope" node="node1" score="1"/>'), ExitCode.CONFIG, "nope"),
    "reference of a colocation": (
        _constraint('<rsc_colocation id="c" rsc="nope" with-rsc="A" score="1"/>'), ExitCode.CONFIG, "nope"),
    "reference of an order": (_constraint('<rsc_order id="c" first="A" then="nope"/>'), ExitCode.CONFIG, "nope"),
    "template": (_GOOD.replace('id="B" class="ocf" provider="pacemaker" type="Dummy"', 'id="B" template="nope"'),
                 ExitCode.CONFIG, "nope"),
    "twice the same id": (_GOOD.replace('id="B"', 'id="A"'), ExitCode.CONFIG, "twice"),
    "no agent": (_GOOD.replace('id="B" class="ocf" ', 'id="B" '), ExitCode.CONFIG, "class"),
    "score": (_constraint('<rsc_location id="l" rsc="A" node="node1" score="lots"/>'), ExitCode.CONFIG, "lots"),
    "empty rule": (_GOOD.replace("<constraints/>", _LOCATION.format("", "")), ExitCode.CONFIG, "expression"),
    "operator": (_GOOD.replace("<constraints/>", _LOCATION.format(
        "", '<expression id="e" attribute="a" operation="is" value="1"/>')), ExitCode.CONFIG, "'is'"),
    "boolean operator": (_GOOD.replace("<constraints/>", _LOCATION.format(
        'boolean-op="xor"', '<expression id="e" attribute="a" operation="defined"/>')), ExitCode.CONFIG, "'xor'"),
}  # fmt: skip


def _run(tmp_path: Path, text: str, *more: str) -> int:
    path = tmp_path / "input.xml"
    path.write_text(text)
    return main(["-x", str(path), "-S", *more])


@pytest.mark.parametrize("name", _REFUSED)
def test_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, code, word = _REFUSED[name]
    assert _run(tmp_path, text) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert word in shown.err
    assert "Traceback" not in shown.err


def test_colocations_in_a_circle_are_fulfilled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = _constraint(
        '<rsc_colocation id="c1" rsc="A" with-rsc="B" score="INFINITY"/>'
        '<rsc_colocation id="c2" rsc="B" with-rsc="A" score="INFINITY"/>'
    )
    assert _run(tmp_path, text) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "Start      A       ( node1 )" in shown and "Start      B       ( node1 )" in shown


def test_orders_in_a_circle_fail_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = _constraint('<rsc_order id="c1" first="A" then="B"/><rsc_order id="c2" first="B" then="A"/>')
    assert _run(tmp_path, text) == ExitCode.ERROR
    shown = capsys.readouterr()
    assert "Transition failed: terminated" in shown.err
    assert "Revised Cluster Status" in shown.out


@pytest.mark.parametrize(
    "change",
    [
        ('value="false"', 'value="false"/><nvpair id="o2" name="no-such-option" value="7"'),
        ("<constraints/>", _LOCATION.format("", '<date_expression id="d" operation="gt" start="yesterday"/>')),
        ('id="A" class="ocf" provider="pacemaker" type="Dummy"/>',
         'id="A" class="ocf" provider="pacemaker" type="Dummy">'
         '<meta_attributes id="m"><nvpair id="m1" name="target-role" value="Walking"/>'
         '<nvpair id="m2" name="priority" value="high"/></meta_attributes>'
         '<operations><op id="x" name="monitor" interval="soon"/></operations></primitive>'),
        ('expected="member"/>', 'expected="member"><lrm id="1"><lrm_resources><lrm_resource id="A">'
         '<lrm_rsc_op id="A_last_0" operation="start" interval="x" rc-code="y" op-status="z" call-id="q"'
         ' transition-key="k" transition-magic="m"/></lrm_resource></lrm_resources></lrm></node_state>'),
    ],
    ids=["option", "date", "meta attributes", "history"],
)  # fmt: skip
def test_bad_values_are_passed_over(
    change: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = _GOOD.replace(*change)
    assert text != _GOOD
    assert _run(tmp_path, text) == ExitCode.OK
    assert "Start      B       ( node1 )" in capsys.readouterr().out


@pytest.mark.parametrize("more", [["--nope"], ["-t", "tomorrow"], ["-i", "garbage"], ["-F", "garbage"]])
def test_bad_options(more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path, _GOOD, *more) == ExitCode.USAGE
    assert "Traceback" not in capsys.readouterr().err


def test_no_such_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-x", str(tmp_path / "none.xml"), "-S"]) == ExitCode.DATAERR
    assert "none.xml" in capsys.readouterr().err
