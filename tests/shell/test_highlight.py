"""Colours and live marking: kinds of words, faults with their words, and what is merely unfinished."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Hashell

from hashell.shell.highlight import first_fault, paint, spans
from hashell.shell.knowledge import Knowledge, Snapshot
from hashell.shell.session import Session
from hashell.shell.toolbar import toolbar

SETUP = "primitive web ocf:hashell:webserver port=8080\nprimitive db Dummy\nprimitive x Dummy\ngroup g x\n"


@pytest.fixture
def knowledge(hashell: Hashell, cib_file: Path) -> Iterator[Knowledge]:
    """Knowledge without its thread: what a thread would have found is put in."""
    assert hashell("configure", stdin=SETUP).code == 0
    session = Session()
    made = Knowledge(session)
    made._look(session)
    for job in (("agents", ""), ("info", "ocf:hashell:webserver")):
        made._do(session, *job)
    yield made
    session.close()


def level(knowledge: Knowledge, name: str):  # type: ignore[no-untyped-def]
    return knowledge.root.level(name) if name else knowledge.root


def fault(knowledge: Knowledge, where: str, text: str) -> tuple[str, str] | None:
    """(the marked word, the message)."""
    found = first_fault(spans(text, level(knowledge, where), knowledge))
    return (text[found.start:found.end], found.message) if found else None


@pytest.mark.parametrize(("where", "text", "word", "message"), [
    ("", "confgure show", "confgure", "did you mean 'configure'?"),
    ("", "resource stop nosuch ", "nosuch", "does not exist"),
    ("", "resource meta web put ", "put", "none of set, delete, show"),
    ("", "node standby web ", None, ""),
    ("configure", "group new web nosuch ", "nosuch", "does not exist"),
    ("configure", "primitive web Dummy ", "web", "already"),
    ("configure", "location l web inf: node9 ", "node9", "no node node9"),
    ("configure", "location l web inf node1 ", "inf", ""),
    ("configure", "primitive n ocf:hashell:webserver prot=1 op monitor ", "prot=1", "did you mean 'port'?"),
    ("configure", "primitive n Dummy \\\n  parms a=1 x", "parms", ""),
    ("configure", "colocation c inf: web:Promted db ", "web:Promted", ""),
    ("configure", "order o Mandatory: web gone ", "gone", "does not exist"),
])
def test_faults_are_marked_where_they_are(knowledge: Knowledge, where: str, text: str, word: str | None,
                                          message: str) -> None:
    found = fault(knowledge, where, text)
    assert (found[0] if found else None) == word, found
    assert found is None or message in found[1]


@pytest.mark.parametrize("text", [
    "", "prim", "primitive", "primitive n", "primitive n Dum", "primitive n Dummy op ", "primitive n Dummy op moni",
    "group new we", "group new ", "location l web inf", "location l web inf: ", "location l web inf: nod",
    'primitive n Dummy params state="/tmp/a b', "colocation c inf: web ", "order o web", "resource:", "show web",
    "# a comment", "property stonith-en", "primitive n Dummy \\\n", "rsc_ticket t T: we",
])
def test_what_is_not_finished_is_not_wrong(knowledge: Knowledge, text: str) -> None:
    found = fault(knowledge, "configure", text)
    assert found is None or text == "resource:", found


def test_the_kinds_of_words(knowledge: Knowledge) -> None:
    text = "configure primitive n Dummy params state=/a op monitor interval=10s"
    kinds = {text[s.start:s.end]: s.kind for s in spans(text, knowledge.root, knowledge)}
    assert kinds == {"configure": "level", "primitive": "command", "n": "id", "Dummy": "", "params": "keyword",
                     "state": "name", "/a": "value", "op": "keyword", "monitor": "", "interval": "name", "10s": "value"}
    text = "location l web 100: node1"
    kinds = {text[s.start:s.end]: s.kind for s in spans(text, level(knowledge, "configure"), knowledge)}
    assert kinds["web"] == "reference" and kinds["100:"] == "score" and kinds["node1"] == "node"


def test_painting_keeps_every_character(knowledge: Knowledge) -> None:
    for text in ("", "configure \\\n  show", "# c\nprimitive n Dummy \\\n x=1", "group g2 nosuch  "):
        assert "".join(piece for _, piece in paint(text, spans(text, knowledge.root, knowledge), str)) == text


def test_pasted_lines_are_looked_at_each_at_its_level(knowledge: Knowledge) -> None:
    assert fault(knowledge, "", "configure\nprimitive n Dummy\ngroup h n2 web\n") == ("n2", "n2 does not exist")


def test_nothing_is_read_for_a_key(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all doors closed the candidates, marks and the toolbar are the same."""
    from hashell.shell.completion import complete

    def closed(*args: object, **kwargs: object) -> None:
        raise AssertionError("a key waits for I/O")

    lines = ["resource move we", "configure primitive p ocf:hashell:webserver po", "node standby ",
             "configure load upd", "configure load update ", "cib use ", "configure primitive p ", "script run ",
             "history session load "]
    before = [complete(knowledge, line) for line in lines]
    for place in ("pathlib.Path.open", "pathlib.Path.iterdir", "pathlib.Path.glob", "socket.socket.connect",
                  "os.scandir", "os.listdir", "subprocess.Popen", "hashell.client.file.CibFile.read"):
        monkeypatch.setattr(place, closed)
    assert [complete(knowledge, line) for line in lines] == before
    assert before[0] and before[1] and before[2]
    assert fault(knowledge, "", "resource stop nosuch ") is not None
    assert toolbar(knowledge, "", 80)


def test_the_toolbar_fits_and_keeps_what_matters() -> None:
    class Fake:
        snapshot = Snapshot(config=object(), cluster="a-long-name-of-a-cluster", dc="node1",  # type: ignore[arg-type]
                            quorum=False, live=True, nodes=3, online=2, problems=4)
        pending = 3

    for columns in (200, 80, 40, 20):
        text = "".join(piece for _, piece in toolbar(Fake(), "", columns))  # type: ignore[arg-type]
        assert "NO quorum" in text and (len(text) <= columns or columns == 20)
    assert "DC node1" in "".join(piece for _, piece in toolbar(Fake(), "", 200))  # type: ignore[arg-type]
    assert len("".join(p for _, p in toolbar(Fake(), "x" * 300, 80))) == 80  # type: ignore[arg-type]
