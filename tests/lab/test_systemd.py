"""Services of a real systemd as resources of our cluster: started, watched, recovered and stopped through D-Bus."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import Host, wait_for

CONFIG = """property stonith-enabled=false no-quorum-policy=ignore
primitive web systemd:nginx op monitor interval=2s timeout=60s op start timeout=60s op stop timeout=60s
primitive broken systemd:broken op start timeout=20s
primitive endless systemd:endless op start timeout=4s
primitive absent systemd:absent
primitive either service:thing op monitor interval=5s
primitive script lsb:thing2 op monitor interval=5s
"""
UNITS = {
    "broken": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "endless": "[Service]\nType=notify\nExecStart=/bin/sleep 1000\nTimeoutStartSec=300\n",
    "thing": "[Unit]\nDescription=a thing\n[Service]\nExecStart=/bin/sleep 100000\n",
}
SCRIPT = """#!/bin/sh
case "$1" in
start) touch /run/thing2;;
stop) rm -f /run/thing2;;
status) test -e /run/thing2 || exit 3;;
*) exit 2;;
esac
"""


@pytest.fixture(scope="module")
def host(lab: None) -> Iterator[Host]:
    """One node whose resources have all come to rest."""
    host = Host(1)
    peerlab.boot_ours_with_systemd(host, 1)
    for name, text in UNITS.items():
        host.write(f"/etc/systemd/system/{name}.service", text)
    host.write("/etc/init.d/thing2", SCRIPT)
    host.run("chmod", "755", "/etc/init.d/thing2", check=True)
    host.run("systemctl", "daemon-reload", check=True)
    wait_for("the node online", lambda: "Online: [ node1 ]" in host.run("crm_mon", "-1").stdout, 180)
    host.write("/root/config.crm", CONFIG)
    loaded = host.run("hashell", "-F", "configure", "load", "update", "/root/config.crm")
    assert "Traceback" not in loaded.stderr and loaded.returncode == 0, loaded.stderr
    wait_for("every resource started or failed", lambda: _settled(host), 180)
    yield host


def _settled(host: Host) -> bool:
    text = host.run("crm_mon", "-1").stdout
    return text.count("Started node1") == 3 and all(
        re.search(rf"\* {name} start on node1", text) for name in ("broken", "endless", "absent")
    )


def _active(host: Host, unit: str) -> bool:
    return host.run("systemctl", "is-active", unit).stdout.strip() == "active"


def test_the_node_is_a_service_that_notifies(host: Host) -> None:
    shown = host.run("systemctl", "show", "hashelld", "-p", "SubState,StatusText,WatchdogTimestampMonotonic").stdout
    values = dict(line.split("=", 1) for line in shown.splitlines())
    assert values["SubState"] == "running" and "the ring answers" in values["StatusText"]
    assert int(values["WatchdogTimestampMonotonic"]) > 0


def test_the_unit_runs_under_the_cluster(host: Host) -> None:
    assert _active(host, "nginx") and _active(host, "thing")
    assert "Restart=no" in host.read("/run/systemd/system/nginx.service.d/50-pacemaker.conf")
    assert host.run("curl", "-s", "http://127.0.0.1/").returncode == 0


def test_failures_say_what_systemd_said(host: Host) -> None:
    text = host.run("crm_mon", "-1").stdout
    assert re.search(r"broken start on node1 returned 'Error occurred' \(failed: exit-code; see: journalctl", text)
    assert re.search(r"endless start on node1 could not be executed \(Timed out: systemd did not finish", text)
    assert re.search(r"absent start on node1 could not be executed \(Not installed: systemd unit absent", text)


def test_a_service_that_dies_is_started_again(host: Host) -> None:
    main = host.run("systemctl", "show", "-p", "MainPID", "--value", "nginx").stdout.strip()
    host.run("kill", "-9", main, check=True)
    host.run("systemctl", "stop", "nginx")

    def again() -> bool:
        pid = host.run("systemctl", "show", "-p", "MainPID", "--value", "nginx").stdout.strip()
        return _active(host, "nginx") and pid not in ("0", main)

    wait_for("nginx with another process", again)
    wait_for("the failure counted", lambda: "web" in host.run("crm_mon", "-1", "-f").stdout.partition("Failed")[2])


def test_the_bus_may_be_restarted(host: Host) -> None:
    """No operation fails that runs while the bus is gone."""
    before = host.run("crm_mon", "-1").stdout.partition("Failed Resource Actions")[2]
    host.run("systemctl", "restart", "dbus", check=True, timeout=120)
    epoch = host.run("date", "+%s").stdout.strip()
    wait_for("three more monitors", lambda: int(host.run("date", "+%s").stdout) > int(epoch) + 6)
    assert _active(host, "nginx")
    assert host.run("crm_mon", "-1").stdout.partition("Failed Resource Actions")[2] == before


def test_stop_stops_and_cleans_up(host: Host) -> None:
    for name in ("web", "either", "script"):
        host.run("hashell", "resource", "stop", name, check=True)
    wait_for("all stopped", lambda: "Started" not in host.run("crm_mon", "-1").stdout)
    assert not _active(host, "nginx") and not _active(host, "thing")
    assert host.read("/run/systemd/system/nginx.service.d/50-pacemaker.conf") == ""


def test_agents_of_all_classes_are_found(host: Host) -> None:
    assert host.run("hashell", "ra", "classes", check=True).stdout.split()[:3]
    assert "nginx" in host.run("hashell", "ra", "list", "systemd", check=True).stdout
    assert "thing2" in host.run("hashell", "ra", "list", "lsb", check=True).stdout
    assert "a thing" in host.run("hashell", "ra", "info", "systemd:thing", check=True).stdout


def test_the_node_stops_in_order(host: Host) -> None:
    host.run("hashell", "resource", "start", "web", check=True)
    wait_for("web started", lambda: _active(host, "nginx"))
    host.run("systemctl", "stop", "hashelld", timeout=300, check=True)
    assert not _active(host, "nginx")
    assert host.run("systemctl", "is-failed", "hashelld").stdout.strip() == "inactive"
