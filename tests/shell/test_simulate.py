"""`hashell simulate` as users call it: files in and out, and one clear line for what it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from hashell.model.exitcodes import ExitCode
from hashell.shell.simulate import main

CIB = """<cib validate-with="pacemaker-3.10" have-quorum="1"><configuration><crm_config>
<cluster_property_set id="cib-bootstrap-options">
<nvpair id="o" name="stonith-enabled" value="false"/></cluster_property_set>
</crm_config><nodes><node id="1" uname="n1"/></nodes><resources>
<master id="m"><primitive id="p" class="ocf" provider="pacemaker" type="Stateful"/></master></resources>
<constraints/></configuration><status>
<node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>"""


@pytest.fixture
def cib(tmp_path: Path) -> Path:
    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    return path


def test_all_files_are_written(cib: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {option: tmp_path / option.strip("-") for option in ("-I", "-O", "-G", "-D")}
    argv = ["-x", str(cib), "-S", *(word for pair in names.items() for word in map(str, pair))]
    assert main(argv) == ExitCode.OK
    assert "Start      p:0" in capsys.readouterr().out
    assert etree.parse(str(names["-I"])).getroot().find("configuration/resources/master") is not None
    assert etree.parse(str(names["-O"])).getroot().xpath("//lrm_rsc_op/@id")
    assert etree.parse(str(names["-G"])).getroot().tag == "transition_graph"
    assert names["-D"].read_text().startswith(' digraph "g" {')


def test_in_place_writes_the_result_back(cib: Path) -> None:
    assert main(["--xml-file", str(cib), "--in-place", "--quiet"]) == ExitCode.OK
    assert "lrm_rsc_op" in cib.read_text()


def test_without_run_only_the_status_is_shown(cib: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-x", str(cib)]) == ExitCode.OK
    out = capsys.readouterr().out
    assert out.startswith("Current cluster status:\n")
    assert "Transition" not in out


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["-x", "MISSING"], ExitCode.DATAERR, "No such file"),
        (["-x", "BROKEN"], ExitCode.DATAERR, "not well-formed"),
        (["-x", "OTHER"], ExitCode.ERROR, "not a <cib>"),
        (["-x", "CIB", "-t", "someday"], ExitCode.USAGE, "is no date"),
        (["-x", "CIB", "-i", "what"], ExitCode.USAGE, "RESOURCE_OPERATION_INTERVAL@NODE=RC"),
        (["-x", "CIB", "-F", "what"], ExitCode.USAGE, "--op-fail"),
        (["-x", "CIB", "-S", "-O", "NOWHERE/out"], ExitCode.CANTCREAT, "another place"),
        (["--strange"], ExitCode.USAGE, "--strange"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    options: list[str], code: ExitCode, words: str, cib: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").write_text("<cib><nodes></cib>")
    (tmp_path / "other").write_text("<status/>")
    places = {"MISSING": "missing", "BROKEN": "broken", "OTHER": "other", "CIB": "cib.xml", "NOWHERE/out": "no/out"}
    argv = [str(tmp_path / places[word]) if word in places else word for word in options]
    assert main(argv) == code
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_problems_of_the_configuration_are_shown_on_request(cib: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unchecked = CIB.replace('validate-with="pacemaker-3.10"', 'validate-with="none"')
    cib.write_text(
        unchecked.replace("<constraints/>", '<constraints><rsc_order id="o1" first="x" then="p"/></constraints>')
    )
    assert main(["-x", str(cib), "-R", "-V"]) == ExitCode.OK
    assert "there is no resource 'x'" in capsys.readouterr().err


def test_damaged_parts_do_not_end_the_run(cib: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = CIB.replace('validate-with="pacemaker-3.10"', 'validate-with="none"')
    damaged = damaged.replace('in_ccm="true"', 'in_ccm="perhaps"')
    damaged = damaged.replace('name="stonith-enabled"', 'name="batch-limit"')
    cib.write_text(damaged.replace("</resources>", '<primitive/><group id="g"/><clone id="c"/></resources>'))
    assert main(["-x", str(cib), "-S"]) == ExitCode.OK
    assert "Revised Cluster Status" in capsys.readouterr().out
