"""The configure level on a CIB file: files, editors, plans, commits."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Hashell

TWO = "primitive a Dummy\nprimitive b Dummy\ngroup g a b\n"


def test_errors_keep_everything_out(hashell: Hashell, cib_file: Path, tmp_path: Path) -> None:
    before = cib_file.read_text()
    script = tmp_path / "x.crm"
    script.write_text("primitive a Dummy\nprimitve b Dummy\nlocation l a 10 node1\n")
    result = hashell("configure", "load", "update", str(script))
    assert result.code == 1 and cib_file.read_text() == before
    assert f"{script}:2:1" in result.err and f"{script}:3:14" in result.err and "did you mean 'primitive'" in result.err


def test_save_and_load_replace_is_a_fixed_point(hashell: Hashell, cib_file: Path, tmp_path: Path) -> None:
    hashell("configure", stdin=TWO + "location l g 5: node1\nproperty no-quorum-policy=ignore\n")
    shown = hashell("configure", "show").out
    assert hashell("configure", "save", "all.crm").code == 0
    assert (tmp_path / "all.crm").read_text() == shown
    assert hashell("configure", "load", "replace", "all.crm").code == 0
    assert hashell("configure", "show").out == shown


def test_save_xml_can_be_loaded(hashell: Hashell, cib_file: Path) -> None:
    hashell("configure", stdin=TWO)
    shown = hashell("configure", "show").out
    hashell("configure", "save", "xml", "all.xml")
    hashell("configure", "-F", "erase")
    assert hashell("configure", "load", "xml", "replace", "all.xml").code == 0
    assert hashell("configure", "show").out == shown


def test_warnings_do_not_block_errors_do_and_force_overrides(hashell: Hashell, cib_file: Path) -> None:
    assert hashell("configure", "primitive", "a", "Dummy", "meta", "odd=1").code == 0
    refused = hashell("configure", "primitive", "b", "ocf:none:None")
    assert refused.code == 1 and "nothing was committed" in refused.err and "-F" in refused.err
    assert hashell("-F", "configure", "primitive", "b", "ocf:none:None").code == 0
    assert 'id="b"' in cib_file.read_text()


def test_schema_faults_cannot_be_forced(hashell: Hashell, tmp_path: Path) -> None:
    (tmp_path / "ms.crm").write_text("primitive a ocf:pacemaker:Stateful\nms m a\n")
    result = hashell("-F", "configure", "load", "update", "ms.crm")
    assert result.code == 1 and "clone m" in result.err


def test_changed_and_diff(hashell: Hashell) -> None:
    result = hashell("configure", stdin="primitive a Dummy\nshow changed\nrefresh\nshow changed\n")
    assert result.out.splitlines()[0].startswith("@@") and "+primitive a Dummy" in result.out
    assert "primitive a" not in hashell("configure", "show").out


def test_secrets_are_hidden_in_show_and_kept_in_save(hashell: Hashell, tmp_path: Path) -> None:
    hashell("configure", "primitive", "a", "ocf:pacemaker:Dummy", "params", "passwd=secret")
    assert 'passwd="******"' in hashell("configure", "show").out
    hashell("configure", "save", "x.crm")
    assert "passwd=secret" in (tmp_path / "x.crm").read_text()


@pytest.mark.parametrize(("script", "expected", "code"), [
    ("sed -i s/^group.*// $1", ["primitive a Dummy", "primitive b Dummy"], 0),
    ("sed -i 's/^primitive a Dummy/& meta priority=5/' $1", ["primitive a Dummy \\", "\tmeta priority=5"], 0),
])
def test_edit_takes_the_text_over(hashell: Hashell, cib_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                  script: str, expected: list[str], code: int) -> None:
    from hashell.shell.commands.configure import edit
    from hashell.shell.session import Session

    hashell("configure", stdin=TWO)
    editor = tmp_path / "ed"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    session = Session(interactive=True)
    edit(session, [])
    session.workspace.commit()
    session.close()
    shown = hashell("configure", "show").out
    assert all(line in shown.splitlines() for line in expected)
    assert ("group g" in shown) == ("group" not in script)


def test_edit_is_refused_in_batch(hashell: Hashell) -> None:
    result = hashell("configure", "edit")
    assert result.code == 1 and "use load, filter or set" in result.err


def test_plan_says_what_would_happen(hashell: Hashell, cib_file: Path) -> None:
    hashell("configure", "primitive", "p", "ocf:pacemaker:Dummy")
    state = ('<status><node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member">'
             '<lrm id="1"><lrm_resources><lrm_resource id="p" type="Dummy" class="ocf" provider="pacemaker">'
             '<lrm_rsc_op id="p_last_0" operation_key="p_start_0" operation="start" crm_feature_set="3.20.0" '
             'transition-key="1:1:0:aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa" '
             'transition-magic="0:0;1:1:0:aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa" call-id="1" rc-code="0" op-status="0" '
             'interval="0" on_node="node1"/></lrm_resource></lrm_resources></lrm></node_state></status>')
    cib_file.write_text(cib_file.read_text().replace("<status/>", state).replace(
        "<cib ", '<cib have-quorum="1" dc-uuid="1" '))
    result = hashell("configure", stdin="delete --force p\ncommit --plan\nrefresh force\n")
    assert "stops 1, moves 0, restarts 0, starts 0" in result.out
    assert '<primitive id="p"' in cib_file.read_text()
    refused = hashell("configure", "delete", "p")
    assert refused.code == 1 and "is running" in refused.err


def test_changes_made_meanwhile_survive(hashell: Hashell, cib_file: Path) -> None:
    from hashell.shell.session import Session

    hashell("configure", stdin=TWO)
    session = Session()
    session.workspace.editor().rename("g", "h")
    hashell("configure", "primitive", "z", "Dummy")
    hashell("node", "attribute", "node2", "set", "rack", "7")
    session.workspace.commit()
    session.close()
    shown = hashell("configure", "show").out
    assert "group h a b" in shown and "primitive z Dummy" in shown and "rack=7" in shown


def test_conflict_is_told(hashell: Hashell, cib_file: Path) -> None:
    from hashell.model.diagnostics import HashellError
    from hashell.shell.session import Session

    hashell("configure", "primitive", "a", "ocf:pacemaker:Dummy", "params", "fake=1")
    session = Session()
    session.workspace.editor().set_value("a.fake", "2")
    hashell("resource", "param", "a", "set", "fake", "3")
    with pytest.raises(HashellError, match="changed meanwhile"):
        session.workspace.commit()
    session.close()
    assert "fake=3" in hashell("configure", "show").out


@pytest.mark.parametrize(("words", "message"), [
    (["set", "a", "1"], "invalid path"), (["set", "a.x", "1"], "Attribute not found"),
    (["modgroup", "g", "remove", "z"], "z is not member of g"), (["modgroup", "g", "add", "a", "after"], "usage"),
    (["rename", "a", "b"], "already in use"), (["rename", "a", "9"], "not a valid object id"),
    (["monitor", "g", "10s"], "not a primitive"), (["default-timeouts", "g"], "no agent metadata"),
    (["schema", "pacemaker-9.9"], "does not exist"), (["upgrade"], "'force' is required"),
    (["get_property", "nosuch"], "property not set"), (["erase", "all"], "expected 'nodes'"),
    (["commit", "please"], "not an option of commit"), (["filter", "false"], "filter: false"),
    (["load", "update", "nosuch"], "could not open nosuch"), (["delete"], "usage: delete"),
])
def test_bad_arguments(hashell: Hashell, words: list[str], message: str) -> None:
    hashell("configure", stdin=TWO)
    result = hashell("configure", *words)
    assert result.code != 0 and message in result.err


def test_every_example_loads(hashell: Hashell, tmp_path: Path) -> None:
    for path in sorted((Path(__file__).parents[2] / "examples").glob("*.crm")):
        result = hashell("-F", "configure", "load", "replace", str(path))
        assert result.code == 0, f"{path.name}: {result.err}"
        if "stonith:" in path.read_text():  # the others leave fencing to the reader, which verify finds
            assert hashell("configure", "verify").code == 0


def test_a_script_that_ends_with_a_plan_changes_nothing(hashell: Hashell, cib_file: Path) -> None:
    before = cib_file.read_bytes()
    result = hashell("configure", stdin="primitive planned ocf:pacemaker:Dummy\ncommit --plan\n")
    assert result.code == 0 and "nothing was committed" in result.out and cib_file.read_bytes() == before
    result = hashell("configure", stdin="primitive planned ocf:pacemaker:Dummy\ncommit --plan\ncommit\n")
    assert result.code == 0 and b'id="planned"' in cib_file.read_bytes()
    result = hashell("configure", stdin="delete planned\ncommit --plan\nprimitive more ocf:pacemaker:Dummy\n")
    assert b'id="more"' in cib_file.read_bytes() and b'id="planned"' not in cib_file.read_bytes()


def test_a_commit_that_was_refused_is_tried_again_at_the_end_only_after_a_change(hashell: Hashell,
                                                                               cib_file: Path) -> None:
    before = cib_file.read_text()
    lines = "configure\nprimitive a Dummy\nprimitive q ocf:nope:Nope\ncommit\n"
    refused = hashell(stdin=lines)
    assert refused.code == 1 and refused.err.count("ocf:nope:Nope") == 1 and refused.err.count("nothing was") == 1
    assert cib_file.read_text() == before
    assert hashell(stdin=lines + "delete q\n").code == 1
    assert '"a"' in cib_file.read_text() and '"q"' not in cib_file.read_text()
