"""Wizards, the script level and templates on a CIB file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Hashell

from hashell.shell.wizards import load_wizard, wizard_names

VALUES = {"ip": "192.0.2.7", "device": "/dev/sdb1", "directory": "/srv/x y", "clients": "192.0.2.0/24",
          "resource": "vip", "devices": "/dev/sdc", "services": "s1,s2", "nodes": "node1 node2", "spare": "node3",
          "hosts": "192.0.2.1 192.0.2.2", "path": "/usr/local/bin/told"}


def required(name: str) -> list[str]:
    return [f"{p.name}={VALUES[p.name]}" for p in load_wizard(name).parameters if p.required]


def test_the_library_has_the_common_set_ups() -> None:
    assert {"virtual-ip", "web-server", "filesystem", "nfs", "postgresql", "drbd-active-passive", "haproxy", "sbd",
            "n-plus-1", "n-to-n"} <= set(wizard_names())


@pytest.mark.parametrize("name", wizard_names())
def test_every_script_runs(hashell: Hashell, cib_file: Path, name: str) -> None:
    if name == "connectivity":
        hashell("configure", "primitive", "vip", "Dummy")
    before = cib_file.read_text()
    checked = hashell("-F", "script", "verify", name, *required(name))
    assert cib_file.read_text() == before
    result = hashell("-F", "script", "run", name, *required(name))
    assert result.code == 0, checked.out + result.err
    shown = hashell("configure", "show").out
    for line in result.out.splitlines():
        if line.startswith(("primitive", "group", "clone", "colocation", "order", "location")):
            assert line.rstrip(" \\").replace("ocf:heartbeat:", "") in shown.replace("ocf:heartbeat:", ""), line


def test_verify_and_decline_change_nothing(hashell: Hashell, cib_file: Path) -> None:
    before = cib_file.read_text()
    assert "primitive vip" in hashell("script", "verify", "virtual-ip", "ip=192.0.2.7").out
    assert hashell("-n", "script", "run", "virtual-ip", "ip=192.0.2.7").code == 0
    assert cib_file.read_text() == before


def test_a_second_run_does_not_overwrite(hashell: Hashell, cib_file: Path) -> None:
    assert hashell("script", "run", "virtual-ip", "ip=192.0.2.7").code == 0
    before = cib_file.read_text()
    again = hashell("script", "run", "virtual-ip", "ip=192.0.2.8")
    assert again.code == 1 and "exists" in again.err and cib_file.read_text() == before


@pytest.mark.parametrize(("words", "text"), [
    (["virtual-ip"], "needs ip"), (["virtual-ip", "ip=300.1.1.1"], "is not an IP address"),
    (["virtual-ip", "ipp=1"], "did you mean 'ip'?"), (["virtual-pi", "ip=1"], "did you mean 'virtual-ip'?"),
    (["virtual-ip", "ip"], "is not NAME=VALUE"), (["../x"], "there is no script"),
    (["n-plus-1", "services=a,b", "nodes=n", "spare=s"], "the same number of items"),
])
def test_bad_values_are_one_clear_line(hashell: Hashell, words: list[str], text: str) -> None:
    result = hashell("script", "run", *words)
    assert result.code != 0 and text in result.err and len(result.err.splitlines()) == 1


def test_list_show_and_json(hashell: Hashell) -> None:
    assert "nfs" in hashell("script", "list", "names").out.splitlines()
    assert "ip            the address (required)" in hashell("script", "show", "virtual-ip").out
    assert len(json.loads(hashell("script", "json").out)) == len(wizard_names())


def test_lists_and_conditions() -> None:
    text = load_wizard("n-plus-1").generate({"services": "a b", "nodes": "n1,n2", "spare": "n3"})
    assert "location b-on-its-node b 200: n2\n" in text and "location a-on-spare a 100: n3\n" in text
    web = load_wizard("web-server")
    assert "Filesystem" not in web.generate({"ip": "::1"})
    assert "group web web-fs web-ip" in web.generate({"ip": "::1", "device": "/dev/x"})


def test_template_life(hashell: Hashell, tmp_path: Path) -> None:
    assert hashell("configure", "template", "new", "intra", "virtual-ip", "filesystem", "params", "ip=192.0.2.7",
                   "device=/dev/x").code == 0
    path = tmp_path / ".config/hashell/templates/intra.conf"
    assert "[filesystem]" in path.read_text() and "intra" in hashell("configure", "template", "list").out
    missing = hashell("configure", "template", "show", "intra")
    assert missing.code == 1 and "needs directory" in missing.err
    path.write_text(path.read_text().replace("directory =", "directory = /srv"))
    assert 'directory="/srv"' in hashell("configure", "template", "show", "intra").out
    result = hashell("configure", stdin="template apply update intra\ncommit\nshow\n")
    assert result.code == 0 and "primitive vip" in result.out and "primitive fs" in result.out, result.err
    assert hashell("configure", "template", "new", "intra", "virtual-ip").code == 1
    assert hashell("configure", "template", "delete", "intra").code == 0 and not path.exists()
    path.write_text("nonsense\n")
    assert "template edit intra" in hashell("configure", "template", "apply", "intra").err
