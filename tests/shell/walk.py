"""The configuration, files and records that the examples of the manual speak of."""

from __future__ import annotations

import bz2
from pathlib import Path

from hashell.cli import main

SETUP = """\
property stonith-enabled=false
rsc_defaults resource-stickiness=100
primitive web ocf:pacemaker:Dummy op monitor interval=10s timeout=20s
primitive ip ocf:pacemaker:Dummy
primitive log ocf:pacemaker:Dummy
primitive cache ocf:pacemaker:Dummy
primitive spare ocf:pacemaker:Dummy
primitive db ocf:pacemaker:Stateful
group site ip log
clone db-clone db meta promotable=true interleave=true
location web-on-1 web 100: node1
order ip-first Mandatory: site web
colocation web-with-site inf: web site
rsc_ticket t-web ticket-a: cache loss-policy=stop
tag everything web spare
"""
WEB = """\
# a web server and its address
primitive web-ip ocf:pacemaker:Dummy op monitor interval=10s timeout=20s
primitive web-server ocf:pacemaker:Dummy params op_sleep=0
group web-site web-ip web-server
"""
_ENTRY = ('<lrm_resource id="{rsc}" class="ocf" provider="pacemaker" type="{type}"><lrm_rsc_op id="{rsc}_last_0" '
          'operation="{op}" interval="0" operation_key="{rsc}_{op}_0" crm-debug-origin="x" crm_feature_set="3.20.0" '
          'transition-key="1:1:0:00000000-0000-0000-0000-000000000000" call-id="1" rc-code="{rc}" op-status="0" '
          'transition-magic="0:{rc};1:1:0:00000000-0000-0000-0000-000000000000"/></lrm_resource>')


def status(running: dict[str, str]) -> str:
    """A status section of three online nodes; resource -> node where it runs."""
    types = {"db": "Stateful"}
    out = []
    for number in (1, 2, 3):
        name = f"node{number}"
        entries = "".join(
            _ENTRY.format(rsc=rsc, type=types.get(rsc, "Dummy"), op="start" if node == name else "monitor",
                          rc=0 if node == name else 7) for rsc, node in running.items())
        out.append(f'<node_state id="{number}" uname="{name}" in_ccm="1700000000" crmd="1700000000" join="member" '
                   f'expected="member"><lrm id="{number}"><lrm_resources>{entries}</lrm_resources></lrm></node_state>')
    return f'<status>{"".join(out)}</status>'


def prepare(folder: Path, cib: Path) -> None:
    """Load SETUP into the CIB file, give it a state, and write the files that examples name."""
    (folder / "web.crm").write_text(WEB)
    (folder / "setup.crm").write_text(SETUP)
    assert main(["-F", "configure", "load", "update", str(folder / "setup.crm")]) == 0
    where = {"web": "node1", "ip": "node1", "log": "node1", "spare": "node1", "db": "node1"}
    text = cib.read_text().replace("<status/>", status(where))
    cib.write_text(text.replace("<cib ", '<cib have-quorum="1" dc-uuid="1" ', 1))
    data = cib.read_bytes()
    inputs = folder / "report" / "node1" / "pengine"
    inputs.mkdir(parents=True)
    (inputs / "pe-input-1.bz2").write_bytes(bz2.compress(data))
    (inputs / "pe-input-2.bz2").write_bytes(bz2.compress(data.replace(b'score="100"', b'score="50"')))
    (inputs.parent / "pacemaker.log").write_text(
        "2026-01-31 14:00:00,100 node1 crmd: Result of monitor operation for web on node1: not running\n"
        "2026-01-31 14:00:01,100 node1 crmd: node node1 became DC\n")
    (folder / "pe-input-1.bz2").write_bytes(bz2.compress(data))
