"""undo, graph, assist and rsctest of the configure level on a CIB file."""

from __future__ import annotations

from pathlib import Path

from conftest import Hashell

THREE = "primitive a Dummy\nprimitive b Dummy\nprimitive c Dummy\n"


def test_undo_goes_back_change_by_change(hashell: Hashell, tmp_path: Path) -> None:
    (tmp_path / "x.crm").write_text("primitive z Dummy\n")
    result = hashell("configure", stdin="primitive a Dummy\nprimitive b Dummy\ndelete a\nload replace x.crm\n"
                     "undo\nundo\nshow type:primitive\nundo\nundo\nundo\n")
    assert result.out.count("primitive a") == result.out.count("primitive b") == 1, result.out
    assert "nothing is pending any more" in result.out and "no change to take back" in result.err and result.code == 1


def test_undo_after_commit_has_nothing(hashell: Hashell) -> None:
    assert "no change to take back" in hashell("configure", stdin="primitive a Dummy\ncommit\nundo\n").err


def test_graph_has_containers_and_constraints(hashell: Hashell, tmp_path: Path) -> None:
    hashell("configure", stdin=THREE + "group g a b\norder o g c\ncolocation k 5: c g\nlocation l c 7: node1\n")
    text = hashell("configure", "graph").out
    for part in ('subgraph "cluster_g"', '"a" -> "b"', '"a" -> "c" [label="o", style=solid, ltail="cluster_g"]',
                 '"c" -> "node:node1" [label="l 7", style=dotted]', "style=dashed"):
        assert part in text, text
    assert hashell("configure", "graph", "dot", "g.dot").code == 0
    assert (tmp_path / "g.dot").read_text() == text


def test_graph_without_graphviz_says_so(hashell: Hashell, monkeypatch: object) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")  # type: ignore[attr-defined]
    assert "install graphviz" in hashell("configure", "graph", "dot", "g.svg").err


def test_assist_template_takes_what_is_equal(hashell: Hashell) -> None:
    hashell("configure", stdin="".join(
        f"primitive {n} ocf:pacemaker:Dummy params fake=x state={n} op monitor interval=10s timeout=20s\n"
        for n in "ab"))
    assert hashell("configure", "assist", "template", "a", "b").code == 0
    shown = hashell("configure", "show").out
    assert "rsc_template template-dummy-1 ocf:pacemaker:Dummy \\\n\tparams fake=x \\\n\top monitor" in shown
    assert "primitive a @template-dummy-1 \\\n\tparams state=a\n" in shown
    assert hashell("configure", "assist", "template", "a", "node1").code == 1


def test_assist_weak_bond_takes_free_numbers(hashell: Hashell) -> None:
    hashell("configure", stdin=THREE)
    assert hashell("configure", "assist", "weak-bond", "a", "b").code == 0
    assert hashell("configure", "assist", "weak-bond", "b", "c").code == 0
    shown = hashell("configure", "show").out
    assert "colocation place-constraint-1 inf: ( a b ) place-dummy-1" in shown and "place-dummy-2" in shown


def test_rsctest_runs_the_agents(hashell: Hashell, tmp_path: Path) -> None:
    hashell("configure", "primitive", "a", "ocf:pacemaker:Dummy", "params", f"state={tmp_path}/a.state")
    result = hashell("configure", "rsctest", "a")
    assert result.code == 0, result.out + result.err
    assert [line.split(": ")[1] for line in result.out.splitlines()[1:]] == ["ok"] * 3
    assert not (tmp_path / "a.state").exists()
    (tmp_path / "a.state").write_text("")
    again = hashell("configure", "rsctest", "a")
    assert again.code == 1 and "already active" in again.out and (tmp_path / "a.state").exists()
    assert "run it there" in hashell("configure", "rsctest", "a", "node2").err


def test_a_faulty_edit_can_be_edited_again(hashell: Hashell, tmp_path: Path, monkeypatch: object) -> None:
    from hashell.shell.commands.editing import edit
    from hashell.shell.session import Session

    hashell("configure", stdin=THREE)
    editor = tmp_path / "ed"
    editor.write_text("#!/bin/sh\nif grep -q primitve $1; then sed -i s/primitve/primitive/ $1\n"
                      "else echo 'primitve d Dummy' >> $1; fi\n")
    editor.chmod(0o755)
    questions: list[str] = []
    monkeypatch.setenv("EDITOR", str(editor))  # type: ignore[attr-defined]
    monkeypatch.setattr("builtins.input", lambda q: questions.append(q) or "y")  # type: ignore[attr-defined]
    session = Session(interactive=True)
    edit(session, ["a"])
    assert len(questions) == 1 and session.workspace.config.find("d") is not None
    assert session.workspace.undo() and session.workspace.config.find("d") is None
    session.close()
