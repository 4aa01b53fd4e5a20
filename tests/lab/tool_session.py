"""One scripted session of the original's tools, run on a real Pacemaker cluster and on ours, and compared.

    python -m tests.lab.tool_session [--keep FOLDER]

Each command runs on node1 of two nodes, with the cluster brought to rest after those that change something. What the
two clusters print is compared after `normal()` has replaced what no two runs share: times, versions, generated
identities. Prints each difference and `session: SAME/ALL the same`.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab import peerlab
from tests.lab.peerlab import Host, LabError, wait_for

SETUP = """property stonith-enabled=false
primitive d1 ocf:pacemaker:Dummy op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy op monitor interval=10s meta target-role=Started
primitive d3 ocf:pacemaker:Dummy
primitive st ocf:pacemaker:Stateful op monitor interval=10s role=Promoted op monitor interval=11s role=Unpromoted
group grp d1 d2
clone prom st meta promotable=true
location l-d3 d3 100: node1
location l-prom prom rule $role=Promoted 100: #uname eq node1
"""

#: (command, changes the cluster). Run in this order, each from the state that those before it left.
COMMANDS: tuple[tuple[str, bool], ...] = (
    # -- looking
    ("crm_mon -1", False),
    ("crm_mon -1 -n -r", False),
    ("crm_mon -1 -o -t -f", False),
    ("crm_mon -1 -A -c -L -b", False),
    ("crm_mon --output-as=xml -1", False),
    ("crm_mon --output-as=html -1", False),
    ("crm_mon -s", False),
    ("crm_node -l", False),
    ("crm_node -n", False),
    ("crm_node -i", False),
    ("crm_node -q", False),
    ("crm_node -p", False),
    ("crm_node -N 2", False),
    ("crmadmin -D", False),
    ("crmadmin -N", False),
    ("crmadmin -S node1", False),
    ("crmadmin -S node2", False),
    ("crmadmin -P", False),
    ("cibadmin -Q -o resources", False),
    ("cibadmin -Q -o constraints", False),
    ("cibadmin -Q -A //primitive[@id=\\'d1\\']", False),
    ("cibadmin -Q -A //nothing", False),
    ("cibadmin -Q -n -o configuration", False),
    ("cibadmin --md5-sum -X '<a b=\"c\"/>'", False),
    ("crm_verify -L -V", False),
    ("crm_resource -l", False),
    ("crm_resource -L", False),
    ("crm_resource -W -r d1", False),
    ("crm_resource -W -r grp", False),
    ("crm_resource -W -r prom", False),
    ("crm_resource -q -r d1", False),
    ("crm_resource -O", False),
    ("crm_resource -a", False),
    ("crm_resource --why -r d3", False),
    ("crm_resource --digests -r d1 -N node1", False),
    ("crm_resource -A -r d3", False),
    ("crm_simulate -L -S", False),
    ("crm_simulate -L -s", False),
    ("stonith_admin -L", False),
    ("stonith_admin -H '*'", False),
    # -- resources
    ("crm_resource -M -r d3 -N node2", True),
    ("crm_resource -W -r d3", False),
    ("cibadmin -Q -o constraints", False),
    ("crm_resource -U -r d3", True),
    ("crm_resource -B -r d3 -N node1", True),
    ("crm_resource -U -r d3 -N node1", True),
    ("crm_resource -r d3 -m -p is-managed -v false", True),
    ("crm_resource -r d3 -m -g is-managed", False),
    ("crm_mon -1 -r", False),
    ("crm_resource -r d3 -m -d is-managed", True),
    ("crm_resource -r d3 -p fake -v one", True),
    ("crm_resource -r d3 -g fake", False),
    ("crm_resource -r d3 -d fake", True),
    ("crm_resource --force-check -r d1", False),
    ("crm_resource -r nothing -W", False),
    ("crm_resource --restart -r d3", True),
    ("crm_resource --fail -r d1 -N node1", True),
    ("crm_failcount -G -r d1 -N node1", False),
    ("crm_resource -C -r d1", True),
    ("crm_failcount -G -r d1 -N node1", False),
    ("crm_resource -R -r d3", True),
    # -- attributes
    ("crm_attribute -t crm_config -n cluster-delay -v 61s", True),
    ("crm_attribute -t crm_config -n cluster-delay -G", False),
    ("crm_attribute -t crm_config -n cluster-delay -D", True),
    ("crm_attribute -t crm_config -n cluster-delay -G", False),
    ("crm_attribute -N node2 -n colour -v blue", True),
    ("crm_attribute -N node2 -n colour -G", False),
    ("crm_attribute -N node2 -n mood -v good -l reboot", True),
    ("crm_attribute -N node2 -n mood -G -l reboot", False),
    ("attrd_updater -n shade -U 5", True),
    ("attrd_updater -n shade -U value++", True),
    ("attrd_updater -n shade -Q -A", False),
    ("attrd_updater -n shade -D", True),
    ("attrd_updater -n nothing -Q", False),
    ("crm_standby -N node2 -v on", True),
    ("crm_mon -1", False),
    ("crm_standby -N node2 -G", False),
    ("crm_standby -N node2 -D", True),
    ("crm_ticket -t tick -g --force", True),
    ("crm_ticket -t tick -w", False),
    ("crm_ticket -l", False),
    ("crm_ticket -t tick -r --force", True),
    ("crm_ticket -c -t tick --force", True),
    # -- the CIB
    ("cibadmin -M -o crm_config -X '<nvpair id=\"cib-bootstrap-options-stonith-enabled\" value=\"0\"/>'", True),
    ("cibadmin -C -o constraints -X '<rsc_location id=\"lx\" rsc=\"d3\" node=\"node1\" score=\"5\"/>'", True),
    ("cibadmin -C -o constraints -X '<rsc_location id=\"lx\" rsc=\"d3\" node=\"node1\" score=\"5\"/>'", False),
    ("cibadmin -D -X '<rsc_location id=\"lx\"/>'", True),
    ("cibadmin -M -X '<rsc_location id=\"nope\" rsc=\"d3\"/>'", False),
    ("cibadmin -C -o constraints -X '<rsc_location id=\"ly\" rsc=\"absent\" node=\"node1\" score=\"x\"/>'", False),
    ("cibadmin -B", True),
    ("crm_shadow -b -c shade && CIB_shadow=shade crm_shadow -w && crm_shadow --force -D shade", False),
    ("cibsecret set d3 passwd hidden; cibsecret get d3 passwd; cibsecret delete d3 passwd", True),
    # -- crmsh
    ("crm -F status", False),
    ("crm -F configure show", False),
    ("crm -F configure primitive d4 ocf:pacemaker:Dummy op monitor interval=30s", True),
    ("crm -F configure colocation c1 inf: d4 d3", True),
    ("crm -F configure show d4 c1", False),
    ("crm -F resource status d4", False),
    ("crm -F resource stop d4", True),
    ("crm -F resource start d4", True),
    ("crm -F resource move d3 node2", True),
    ("crm -F resource clear d3", True),
    ("crm -F node show", False),
    ("crm -F node standby node2", True),
    ("crm -F node online node2", True),
    ("crm -F node attribute node2 set colour green", True),
    ("crm -F configure property maintenance-mode=true", True),
    ("crm -F configure property maintenance-mode=false", True),
    ("crm -F resource failcount d1 show node1", False),
    ("crm -F configure delete c1 d4", True),
    # -- pcs
    ("pcs status", False),
    ("pcs resource status", False),
    ("pcs resource create p1 ocf:pacemaker:Dummy op monitor interval=20s", True),
    ("pcs resource config p1", False),
    ("pcs constraint location p1 prefers node1=50", True),
    ("pcs constraint colocation add p1 with d3 100", True),
    ("pcs constraint order d3 then p1", True),
    ("pcs constraint", False),
    ("pcs property set cluster-delay=70s", True),
    ("pcs property config", False),
    ("pcs node standby node2", True),
    ("pcs node unstandby node2", True),
    ("pcs node attribute node1 rack=7", True),
    ("pcs resource disable p1", True),
    ("pcs resource enable p1", True),
    ("pcs resource move p1 node2", True),
    ("pcs resource cleanup p1", True),
    ("pcs stonith create f1 fence_dummy_absent", False),
    ("pcs resource delete p1", True),
)


_TRIES = 8


@dataclass(frozen=True)
class Answer:
    """What one command printed and returned, made comparable."""

    text: str
    code: int


_REPLACED = tuple(
    (re.compile(pattern, re.MULTILINE), by)
    for pattern, by in (
        (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d+ [\d:]+( \d{4})?( ?(Z|UTC|[+-]\d\d:?\d\d))?", "TIME"),
        (r"\d{4}-\d\d-\d\d[ T][\d:.]+( ?(Z|UTC|[+-]\d\d:?\d\d))?", "TIME"),
        (r"\b1[678]\d{8}\b", "EPOCH"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"\b\d+(\.\d+)?ms\b(?!\")", "DURATION"),
        (r"after \d+(\.\d+)?s", "after DURATION"),
        (r"((exec|queue|run|exec-|queue-)[- ]?time=\"?)[\d.]+(ms)?", r"\1N"),
        (r"version \S+?\)", "version VERSION)"),
        (r"(version=\")[^\"]*\"", r'\1VERSION"'),
        (r"(dc-version=)\S+", r"\1VERSION"),
        (r"(dc-version\" value=\")[^\"]*", r"\1VERSION"),
        (r"(call=\"?|call-id=\"?|\()\d+(\"|\)| |,)", r"\1N\2"),
        (r"(epoch|num_updates|admin_epoch)=\"\d+\"", r'\1="N"'),
        (r"\b\d+:\d+:(\d+:UUID)", r"N:N:\1"),
        (r"Waiting for \d+ repl(y|ies)", "Waiting for replies"),
        (r"^\.\.\. got reply.*\n", ""),  # how many lines there are depends on how early an answer is there
        (r"(execution|queue)-code[^ ]*", "CODE"),
        (r"Last updated:.*", "Last updated:"),
        (r"Last change:.*", "Last change:"),
        (r"/tmp/[\w./-]+|/var/lib/pacemaker/cib/shadow\.\S+", "FILE"),
    )
)  # fmt: skip


def normal(text: str) -> str:
    """The text without what differs between any two runs."""
    for pattern, by in _REPLACED:
        text = pattern.sub(by, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def run_session(host: Host, only: str = "") -> list[Answer]:
    """Set the cluster up and run every command; the answers in order."""
    host.write("/root/setup.crm", SETUP)
    host.run("crm", "-F", "configure", "load", "update", "/root/setup.crm", timeout=180, check=True)
    _rest(host)
    answers = []
    for command, changes in COMMANDS:
        if only and only not in command:
            continue
        done = host.run("sh", "-c", f"LC_ALL=C TZ=UTC PAGER=cat CRM_NO_COLOR=1 TERM=dumb {command} 2>&1", timeout=180)
        answers.append(Answer(normal(done.stdout), done.returncode))
        if changes:
            _rest(host)
    return answers


def _rest(host: Host) -> None:
    host.run("crm_resource", "--wait", "--timeout=60", timeout=120)


def _online(host: Host) -> bool:
    return "Online: [ node1 node2 ]" in host.run("crm_mon", "-1").stdout


def both(only: str = "") -> tuple[list[Answer], list[Answer]]:
    """The answers of the real cluster, and ours."""
    sides = []
    for up in (peerlab.up_real, peerlab.up_ours):
        sides.append(run_session(_led_by_node1(up), only))
        peerlab.down()
    return sides[0], sides[1]


def _led_by_node1(up: Callable[[int], list[Host]]) -> Host:
    """node1 of two that are up, being the DC: elections, and the order of the status with them, go by chance."""
    for _ in range(_TRIES):
        peerlab.down()
        host = up(2)[0]
        wait_for("both nodes online", lambda host=host: _online(host), 180)
        if "node1" in host.run("crmadmin", "-D").stdout:
            return host
    raise LabError(f"node1 became DC in none of {_TRIES} tries")


def reordered(theirs: Answer, ours: Answer) -> bool:
    """Whether the answers are the same lines in another order.

    Which node writes its history first, and so where it stands in the status, is chance on both clusters.
    """
    return theirs != ours and theirs.code == ours.code and sorted(theirs.text.split("\n")) == sorted(
        ours.text.split("\n"))  # fmt: skip


def difference(theirs: Answer, ours: Answer) -> list[str]:
    """The lines that differ, as a diff; empty when the answers agree but for their order."""
    if reordered(theirs, ours):
        return []
    sides = theirs.text.splitlines(), ours.text.splitlines()
    lines = list(difflib.unified_diff(*sides, "theirs", "ours", n=1, lineterm=""))
    if theirs.code != ours.code:
        lines.append(f"exit code {theirs.code}, ours {ours.code}")
    return lines


_ABOUT = """# The tools of others on hashell

Written by `python -m tests.lab.tool_session --table docs/TOOLS.md`: each command runs, in this order, on node1 of two
nodes, first of Corosync 3.1.9 with Pacemaker 3.0.0, then of hashell alone; the tools are Debian's, unmodified. What
both print and return is compared after times, durations, versions, call numbers, generated identities and file names
have been replaced. "same, other order": the same lines; which node wrote its history first is chance on both.

| command | what it prints and returns |
| --- | --- |
"""


#: What is known of a difference that comes and goes: a part of the command -> why.
_EXPLAINED = {
    'rsc="absent"': (
        "the status that is shown with the refusal: a probe that found the resource active after a refresh is recorded "
        "without the digests of its parameters while the original has not read the agent's metadata again; here it "
        "always has them"
    ),
}


def table(commands: list[str], theirs: list[Answer], ours: list[Answer]) -> str:
    """A line for each command, with the lines that differ."""
    lines = []
    for command, left, right in zip(commands, theirs, ours):
        found = difference(left, right)
        changed = [line for line in found if line[:1] in "+-e" and not line.startswith(("+++", "---"))]
        said = "<br>".join(f"`{line}`" for line in changed) if found else "same"
        if found:
            said = next((why for part, why in _EXPLAINED.items() if part in command), said)
        if reordered(left, right):
            said = "same, other order"
        lines.append(f"| `{command.replace('|', chr(92) + '|')}` | {said.replace('|', chr(92) + '|')} |\n")
    return _ABOUT + "".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="commands that contain this text")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep both sides' answers")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the table of commands and differences")
    options = parser.parse_args()
    theirs, ours = both(options.only)
    commands = [command for command, _changes in COMMANDS if options.only in command]
    same = 0
    for number, (command, left, right) in enumerate(zip(commands, theirs, ours)):
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{number:03}.theirs").write_text(f"$ {command}\n{left.text}\n")
            (options.keep / f"{number:03}.ours").write_text(f"$ {command}\n{right.text}\n")
        lines = difference(left, right)
        same += not lines
        if lines:
            print(f"=== {command}\n" + "\n".join(lines))
    print(f"session: {same}/{len(commands)} the same")
    if options.table:
        options.table.write_text(table(commands, theirs, ours), encoding="utf-8")
    return int(same < len(commands))


if __name__ == "__main__":
    sys.exit(main())
