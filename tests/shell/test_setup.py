"""What the commands that make a cluster decide before they touch a machine; the lab runs them between machines."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import ClassVar, cast

import pytest

from hashell.model.diagnostics import HashellError
from hashell.shell.commands.machines import prepare, unit_text
from hashell.shell.commands.ringconf import checked
from hashell.shell.commands.setup import cluster_in
from hashell.shell.commands.setupoptions import is_own, parse_options
from hashell.shell.corosynctext import CorosyncText, new_text
from hashell.shell.hosts import Host
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings

REPO = Path(__file__).resolve().parents[2]
TWO = {"node1": "192.0.2.11", "node2": "192.0.2.12"}
DEVICE = {"host": "192.0.2.14", "algorithm": "ffsplit", "tls": "off"}


def test_the_unit_is_the_one_that_is_shipped() -> None:
    assert unit_text("/usr/local/bin/hashelld") == (REPO / "systemd" / "hashelld.service").read_text()


class Machine(Host):
    """A machine elsewhere that answers each command by its beginning."""

    answers: ClassVar[dict[str, tuple[int, bytes]]] = {}
    written: ClassVar[dict[str, bytes]] = {}

    def run(self, command: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        code, said = next((a for begin, a in self.answers.items() if command.startswith(begin)), (0, b""))
        return subprocess.CompletedProcess(command, code, said, b"groupadd: not found\n" if code else b"")

    def write(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        self.written[str(path)] = data


class Notes:
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def prepared(**answers: tuple[int, bytes]) -> tuple[list[str], dict[str, bytes]]:
    machine, notes = Machine("node7", NodeSettings()), Notes()
    machine.answers.clear()
    machine.answers.update({"getent": (0, b""), "command -v": (0, b"/opt/bin/hashelld\n"), **answers})
    machine.written.clear()
    prepare(cast(Session, notes), machine)
    return notes.told, dict(machine.written)


def test_a_bare_machine_gets_its_users_and_its_unit() -> None:
    told, written = prepared(getent=(0, b"group haclient\nuser hacluster\n"))
    assert told == ["node7: made group haclient, user hacluster, unit hashelld.service"]
    assert written == {"/etc/systemd/system/hashelld.service": unit_text("/opt/bin/hashelld").encode()}


def test_a_machine_that_has_all_is_left_alone() -> None:
    assert prepared(test=(1, b"")) == ([], {})


def test_users_that_cannot_be_made_are_asked_for() -> None:
    with pytest.raises(HashellError) as caught:
        prepared(getent=(127, b""))
    assert "node7: user hacluster cannot be made: groupadd: not found" in str(caught.value)
    assert "groupadd -r haclient" in str(caught.value)


@pytest.mark.parametrize(("words", "message"), [
    (["-x"], "'-x' is not an option"), (["-n"], "-n needs a value"), (["-t", "tcp"], "'tcp' is no transport"),
    (["--sbd-device=/dev/sdz"], "fence_sbd"), (["--qdevice-port", "5403"], "--qnetd-hostname HOST"),
    (["--qnetd-hostname", "h", "--qdevice-port", "x"], "'x' is not a port"),
    (["--qnetd-hostname", "h", "--qdevice-tls", "never"], "'never' is no tls"),
    (["csync2"], "does not run 'csync2' alone"),
    (["qdevice"], "which quorum server"), (["--qnetd-hostname", "h", "--qdevice-heuristics", "x"], "no heuristics"),
])
def test_options_that_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(HashellError) as caught:
        parse_options(words, "init")
    assert message in str(caught.value) and len(caught.value.diagnostics) == 1


def test_options() -> None:
    options = parse_options(["-y", "--name=x", "-N", "a b", "-N", "c", "-i", "eth0", "-i", "eth1"], "init")
    assert (options.yes, options.name, options.hosts) == (True, "x", ["a", "b", "c"])
    assert options.addresses == ["eth0", "eth1"] and options.device == {}
    assert parse_options(["qdevice", "--qnetd-hostname=h"], "init").device == {
        "host": "h", "algorithm": "ffsplit", "tls": "on"}
    with pytest.raises(HashellError):
        parse_options(["--qnetd-hostname=h"], "join")


def test_a_sample_file_is_no_cluster() -> None:
    assert cluster_in(new_text("debian", {"node1": "127.0.0.1"})) is None and cluster_in("") is None
    assert cluster_in(new_text("office", {"node1": "192.0.2.11"})) is not None


def test_own_addresses() -> None:
    assert is_own("127.0.0.1") and not is_own("203.0.113.77")


def test_a_quorum_device_comes_and_goes() -> None:
    text = CorosyncText(new_text("office", TWO))
    text.add_device(DEVICE)
    assert "two_node" not in checked(str(text)) and text.get("quorum.device.votes") == ["1"]
    with pytest.raises(HashellError, match="already"):
        text.add_device(DEVICE)
    with pytest.raises(HashellError, match="needs two nodes"):
        CorosyncText(str(text)).remove_node("node2")
    text.remove_device()
    assert str(text) == new_text("office", TWO)


def test_a_device_of_lms_has_a_vote_less_than_there_are_nodes() -> None:
    text = CorosyncText(new_text("office", TWO))
    text.add_device({**DEVICE, "algorithm": "lms"})
    text.add_node("node3", "192.0.2.13")
    assert text.get("quorum.device.votes") == ["2"]


def test_a_node_has_an_address_on_each_link() -> None:
    text = CorosyncText(new_text("office", TWO, "knet"))
    text.add_link({"node1": "198.51.100.11", "node2": "198.51.100.12"}, {})
    text.add_node("node3", "192.0.2.13", ["198.51.100.13"])
    assert text.links()[1]["node3"] == "198.51.100.13"
    with pytest.raises(HashellError, match=r"198\.51\.100\.13 is in the node list already"):
        text.add_node("node4", "192.0.2.14", ["198.51.100.13"])


def test_what_the_ring_would_refuse_is_refused() -> None:
    text = CorosyncText(new_text("office", TWO))
    text.set("quorum.provider", "other")
    with pytest.raises(HashellError, match="provider"):
        checked(str(text))
