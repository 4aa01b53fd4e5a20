"""The administrator's guide, from two bare hosts to the web cluster: every command of it, in order, as it is printed.

Passes when each exits with 0 and prints what the guide shows. Bare means: Debian without Corosync, Pacemaker, crmsh and
pcs, no keys, no names, no hashell; what a reader brings along (root's password, a checkout, package mirrors, a disk,
controllers) is prepared before the first command.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.lab import admin, extras, peerlab
from tests.lab.guide import GUIDE, perform, steps
from tests.lab.peerlab import REPO, Host
from tests.lab.website import Website, controllers

DISK = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"
PASSWORD = "correct horse"
#: Answers what ssh asks at its terminal: the password, and whether the other's key is right.
ASKPASS = f'#!/bin/sh\ncase "$1" in *yes/no*) echo yes;; *) echo "{PASSWORD}";; esac\n'


@pytest.fixture(scope="module")
def hosts(lab: None) -> Iterator[dict[str, Host]]:
    made = [Host(1), Host(2), Host(3)]
    site = Website(made[:2])
    for host, name in zip(made, ("node1", "node2", "witness")):
        _prepare(host, name)
    switches = controllers(2, site.switch_on)
    try:
        with site.shared_disk(DISK, formatted=False):
            yield {"node1": made[0], "node2": made[1], "witness": made[2]}
            peerlab.down()
    finally:
        for switch in switches:
            switch.close()


def _prepare(host: Host, name: str) -> None:
    admin.switch_on(host)
    admin.lay_over(extras.bare_layer(), host)
    host.write("/etc/hostname", f"{name}\n")
    host.run("hostname", name, check=True)
    host.write("/etc/hosts", "127.0.0.1 localhost\n")
    shutil.copytree(extras.wheels(), host.root / "root/wheels")
    for part in ("pyproject.toml", "README.md", "COPYING"):
        host.write(f"/root/hashell/{part}", (REPO / part).read_text())
    for folder in ("hashell", "examples", "systemd"):
        shutil.copytree(REPO / folder, host.root / "root/hashell" / folder,
                        ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    host.write("/root/askpass", ASKPASS)
    host.write("/etc/ssh/sshd_config.d/root.conf", "PermitRootLogin yes\n")
    # A package that is purged leaves its user behind.
    for command in ("userdel hacluster; groupdel haclient; rm -rf /var/lib/pacemaker", "chmod 700 /root/askpass",
                    f"echo 'root:{PASSWORD}' | chpasswd", "ssh-keygen -A", "systemctl start ssh"):  # fmt: skip
        host.run("sh", "-c", command, check=True)


@pytest.mark.timeout(1800)
def test_every_command_of_the_guide(hosts: dict[str, Host]) -> None:
    for step in steps(GUIDE.read_text()):
        print(f"line {step.line}: {step.prompt}# {step.command}", flush=True)
        print(perform(step, hosts), flush=True)
