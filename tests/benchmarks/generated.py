"""Generated clusters for the scheduler benchmark: groups of three, some of them constrained, in three states."""

from __future__ import annotations

import sys
from pathlib import Path

STATES = ("nothing running", "all running", "one node lost")
_UUID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
_DUMMY = 'class="ocf" provider="pacemaker" type="Dummy"'
#: Digests of what a Dummy without parameters is run with: once, and every ten seconds with a timeout of 20 s.
_ONCE = "f2317cad3d54cec5d7d7aa7d0bf35cf8"
_RECURRING = "4811cef7f7f94e3a35a70be7916cb2fd"


def cluster(resources: int, nodes: int, state: str, chained: bool = False) -> str:
    """A CIB as text. chained: every group has to be with the one before it, instead of every third pair."""
    groups = [[f"r{g}m{m}" for m in range(3)] for g in range(resources // 3)]
    parts = [
        '<cib crm_feature_set="3.20.0" validate-with="pacemaker-3.10" admin_epoch="0" epoch="1" num_updates="0"'
        ' have-quorum="1" dc-uuid="1" execution-date="1700000000"><configuration><crm_config>'
        '<cluster_property_set id="o"><nvpair id="o-f" name="stonith-enabled" value="true"/></cluster_property_set>'
        "</crm_config><nodes>",
        *(f'<node id="{n}" uname="node{n}"/>' for n in range(1, nodes + 1)),
        '</nodes><resources><primitive id="fencing" class="stonith" type="fence_xvm"/>',
        *(_group(g, members) for g, members in enumerate(groups)),
        "</resources><constraints>",
        *_constraints(len(groups), nodes, chained),
        "</constraints></configuration><status>",
        *(_node(n, nodes, groups, state, chained) for n in range(1, nodes + 1)),
        "</status></cib>",
    ]
    return "\n".join(parts)


def _group(number: int, members: list[str]) -> str:
    primitives = "".join(
        f'<primitive id="{id}" {_DUMMY}><operations><op id="{id}-m" name="monitor" interval="10s"/></operations>'
        "</primitive>"
        for id in members
    )
    return f'<group id="g{number}">{primitives}</group>'


def _constraints(groups: int, nodes: int, chained: bool) -> list[str]:
    """Of six groups one is placed by a location, one stays with, and one starts after, its neighbour."""
    found = []
    for g in range(1, groups):
        if chained or g % 6 == 1:
            found.append(f'<rsc_colocation id="c{g}" rsc="g{g}" with-rsc="g{g - 1}" score="INFINITY"/>')
        elif g % 6 == 3:
            found.append(f'<rsc_order id="w{g}" first="g{g - 1}" then="g{g}"/>')
        elif g % 6 == 5:
            found.append(
                f'<rsc_location id="l{g}" rsc="g{g}"><rule id="l{g}-r" score="100"><expression id="l{g}-e"'
                f' attribute="#uname" operation="eq" value="node{_home(g, nodes, False)}"/></rule></rsc_location>'
            )
    return found


def _home(group: int, nodes: int, chained: bool) -> int:
    """The number of the node where a group runs; colocated ones are together."""
    if chained:
        return 1
    return (group - 1 if group % 6 == 1 else group) % nodes + 1


def _node(number: int, nodes: int, groups: list[list[str]], state: str, chained: bool) -> str:
    lost = state == "one node lost" and number == nodes
    member = 'in_ccm="false" crmd="offline"' if lost else 'in_ccm="true" crmd="online"'
    text = f'<node_state id="{number}" uname="node{number}" {member} join="member" expected="member">'
    if state == "nothing running":
        return text + "</node_state>"
    fencing = 'id="fencing" class="stonith" type="fence_xvm"'
    entries = [_history(fencing, "fencing", number, number == 1, recurring=False)]
    for g, members in enumerate(groups):
        here = _home(g, nodes, chained) == number
        entries.extend(_history(f'id="{id}" {_DUMMY}', id, number, here) for id in members)
    return f'{text}<lrm id="{number}"><lrm_resources>{"".join(entries)}</lrm_resources></lrm></node_state>'


def _history(attributes: str, id: str, node: int, here: bool, recurring: bool = True) -> str:
    entries = _entry(id, "last_0", "start" if here else "monitor", 0, 0 if here else 7, _ONCE, 1, node)
    if here and recurring:
        entries += _entry(id, "monitor_10000", "monitor", 10000, 0, _RECURRING, 2, node)
    return f"<lrm_resource {attributes}>{entries}</lrm_resource>"


def _entry(id: str, suffix: str, task: str, interval: int, rc: int, digest: str, call: int, node: int) -> str:
    key = f"1:1:{rc}:{_UUID}"
    return (
        f'<lrm_rsc_op id="{id}_{suffix}" operation_key="{id}_{task}_{interval}" operation="{task}"'
        f' crm_feature_set="3.20.0" transition-key="{key}" transition-magic="0:{rc};{key}" on_node="node{node}"'
        f' call-id="{call}" rc-code="{rc}" op-status="0" interval="{interval}" last-rc-change="1699990000"'
        f' op-digest="{digest}"/>'
    )


if __name__ == "__main__":
    # In a process of its own: peak memory is inherited by children, so the one that measures has to stay small.
    target, how_many, on, shown, linked = sys.argv[1:]
    Path(target).write_text(cluster(int(how_many), int(on), shown, linked == "chained"))
