"""A simulation from a CIB to the status after it."""

from __future__ import annotations

from lxml import etree

from hashell.client.simulation.inject import Injections, parse_failure, parse_injection
from hashell.client.simulation.run import Request, Simulation
from hashell.model.dates import from_epoch

NOW = from_epoch(1_700_000_000)

CIB = """<cib validate-with="pacemaker-4.0" have-quorum="1" dc-uuid="1"><configuration>
<crm_config><cluster_property_set id="cib-bootstrap-options">
  <nvpair id="o1" name="stonith-enabled" value="false"/>{options}</cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
<resources>
  <primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2">
    <operations><op id="m" name="monitor" interval="10s"/></operations></primitive>
  <group id="g"><primitive id="db" class="ocf" provider="pacemaker" type="Dummy"/>
    <primitive id="web" class="ocf" provider="pacemaker" type="Dummy"/></group>
</resources><constraints><rsc_location id="l" rsc="ip" node="n2" score="10"/></constraints></configuration>
<status><node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/>
<node_state id="2" uname="n2" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>"""


def simulate(request: Request, options: str = "") -> tuple[str, etree._Element]:
    cib = etree.fromstring(CIB.replace("{options}", options), etree.XMLParser(remove_blank_text=True))
    said: list[str] = []
    simulation = Simulation(cib, request, NOW, said.append)
    ws = simulation.status()
    if request.schedule:
        simulation.decide(ws)
        simulation.show_summary()
    if request.execute:
        simulation.execute()
    return "".join(said), simulation.cib


EVERYTHING = """Current cluster status:
  * Node List:
    * Online: [ n1 n2 ]

  * Full List of Resources:
    * ip	(ocf:heartbeat:IPaddr2):	 Stopped
    * Resource Group: g:
      * db	(ocf:pacemaker:Dummy):	 Stopped
      * web	(ocf:pacemaker:Dummy):	 Stopped

Transition Summary:
  * Start      ip      (    n2 )
  * Start      db      (    n1 )
  * Start      web     (    n1 )

Executing Cluster Transition:
  * Resource action: ip              monitor on n2
  * Resource action: ip              monitor on n1
  * Pseudo action:   g_start_0
  * Resource action: db              monitor on n2
  * Resource action: db              monitor on n1
  * Resource action: web             monitor on n2
  * Resource action: web             monitor on n1
  * Resource action: ip              start on n2
  * Resource action: db              start on n1
  * Resource action: web             start on n1
  * Resource action: ip              monitor=10000 on n2
  * Pseudo action:   g_running_0

Revised Cluster Status:
  * Node List:
    * Online: [ n1 n2 ]

  * Full List of Resources:
    * ip	(ocf:heartbeat:IPaddr2):	 Started n2
    * Resource Group: g:
      * db	(ocf:pacemaker:Dummy):	 Started n1
      * web	(ocf:pacemaker:Dummy):	 Started n1
"""


def test_everything_starts() -> None:
    text, cib = simulate(Request(schedule=True, execute=True))
    assert sorted(text.splitlines()) == sorted(EVERYTHING.splitlines())
    assert text.partition("Executing")[0] == EVERYTHING.partition("Executing")[0]
    recorded = cib.xpath("//node_state[@uname='n2']//lrm_resource[@id='ip']/lrm_rsc_op/@id")
    assert recorded == ["ip_last_0", "ip_monitor_10000"]


def test_a_failing_operation_ends_the_transition_and_is_recorded() -> None:
    failure = parse_failure("db_start_0@n1=1")
    assert failure is not None
    text, cib = simulate(Request(schedule=True, execute=True, failures=[failure]))
    assert "Pretending action" in text
    assert "Injecting attribute fail-count-db#start_0=INFINITY into /node_state '1'" in text
    revised = text.partition("Revised")[2]
    assert "FAILED n1" in revised
    assert "web\t(ocf:pacemaker:Dummy):\t Stopped" in revised
    assert cib.xpath("//lrm_rsc_op[@id='db_last_failure_0']/@rc-code") == ["1"]


def test_changes_before_the_run() -> None:
    injection = parse_injection("ip_monitor_10000@n2=7")
    assert injection is not None
    changes = Injections(down=["n1"], grant=["t"], watchdog="1", operations=[injection], quorum="false")
    text, cib = simulate(Request(schedule=True, injections=changes))
    block = text.partition("Performing Requested Modifications:\n")[2].partition("\n\n")[0]
    assert [line.strip("* ") for line in block.splitlines()][:6] == [
        "Setting quorum: false",
        "Setting watchdog: 1",
        "Taking node n1 offline",
        "Granting ticket t",
        "Injecting ip_monitor_10000@n2=7 into the configuration",
        "Injecting attribute fail-count-ip#monitor_10000=1 into /node_state '2'",
    ]
    assert cib.get("have-quorum") == "false"
    assert cib.xpath("//ticket_state[@id='t']/@granted") == ["true"]


def test_specifications_of_operations() -> None:
    injection = parse_injection("my_vm:0_migrate_to_0@node.example.com=1")
    assert injection is not None
    assert (injection.rsc, injection.task, injection.interval, injection.rc) == ("my_vm:0", "migrate_to", "0", 1)
    assert parse_injection("nonsense") is None
    assert parse_failure("a_start_0@n1") is None


def test_maintenance_is_announced() -> None:
    text, _ = simulate(Request(), '<nvpair id="o2" name="maintenance-mode" value="true"/>')
    assert text.startswith("\n              *** Resource management is DISABLED ***\n")
    assert "ip\t(ocf:heartbeat:IPaddr2):\t Stopped (maintenance)" in text


def test_scores_and_quiet() -> None:
    text, _ = simulate(Request(schedule=True, quiet=True, show_scores=True))
    assert "pcmk__primitive_assign: ip allocation score on n2: 10\n" in text
    assert "*" not in text
    loud, _ = simulate(Request(schedule=True, show_scores=True))
    assert "\nAssignment Scores:\n  * pcmk__" in loud


def test_the_date_of_the_input_is_said() -> None:
    date = from_epoch(0)
    text, _ = simulate(Request(date=date, date_text="epoch"))
    assert text.startswith("Setting effective cluster time: epoch\n")
