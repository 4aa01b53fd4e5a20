"""Inputs on which the original crashes or does not end: ours has an answer (scheduler_deviations.toml)."""

from __future__ import annotations

import pytest

from tests.lab.fuzz_scheduler import own_outputs

_CIB = """<cib crm_feature_set="3.20.0" validate-with="pacemaker-3.10" epoch="1" num_updates="0" admin_epoch="0"
 have-quorum="1" dc-uuid="1" execution-date="1700000000"><configuration><crm_config/>
<nodes><node id="1" uname="node1"/></nodes><resources>{}</resources><constraints>{}</constraints>{}</configuration>
<status><node_state id="1" uname="node1" in_ccm="true" crmd="online" join="member" expected="member"/></status></cib>
"""
_CLONED = '<clone id="c"><primitive id="a" class="ocf" provider="pacemaker" type="Dummy"/></clone>'
_TWO = (
    '<primitive id="a" class="ocf" provider="pacemaker" type="Dummy"/>'
    '<primitive id="b" class="ocf" provider="pacemaker" type="Dummy"/>'
)
_BUNDLED = (
    '<bundle id="u"><podman image="x" replicas="3"/><network ip-range-start="192.168.122.131"/>'
    '<primitive id="a" class="ocf" provider="pacemaker" type="Dummy"/></bundle>'
)
_WITHIN_ITSELF = _CIB.format(_BUNDLED, "", "").replace(
    "</status>",
    '<node_state id="u-0" uname="u-0" remote_node="true"><lrm id="u-0"><lrm_resources>'
    '<lrm_resource id="u-podman-0" class="ocf" provider="heartbeat" type="podman">'
    '<lrm_rsc_op id="u-podman-0_last_0" operation="start" interval="0" operation_key="u-podman-0_start_0"'
    ' transition-key="1:1:0:a" transition-magic="0:0;1:1:0:a" call-id="1" rc-code="0" op-status="0"/>'
    "</lrm_resource></lrm_resources></lrm></node_state></status>",
)
_TAG = '<tags><tag id="t"><obj_ref id="a"/><obj_ref id="b"/></tag></tags>'


@pytest.mark.parametrize(
    "cib",
    [
        _CIB.format(_CLONED, '<rsc_order id="o" first="a" then="c"/>', ""),
        _CIB.format(_CLONED, '<rsc_order id="o" first="c" then="a"/>', ""),
        _CIB.format(_TWO, '<rsc_order id="o" first="a" then="t"/>', _TAG),
        _CIB.format(_BUNDLED, '<rsc_colocation id="o" rsc="a" with-rsc="u" score="100"/>', ""),
        _WITHIN_ITSELF,
    ],
    ids=["instance before its clone", "clone before its instance", "resource before its own tag",
         "bundled resource with its bundle", "container that runs within itself"],
)
def test_there_is_an_answer(cib: str) -> None:
    outputs = own_outputs(cib.encode(), [])
    assert not outputs["fault"]
    assert "Transition Summary" in outputs["summary"]
    assert "<transition_graph" in outputs["exp"]
