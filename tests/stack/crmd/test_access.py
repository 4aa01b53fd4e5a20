"""What access rules forbid a user to change in the CIB, the controller does not do for that user either."""

from __future__ import annotations

from tests.stack.crmd.test_core import client_ask, cluster, envelope, rsc_op

ACLS = (
    '<acls><acl_role id="watcher"><acl_permission id="w" kind="read" xpath="/cib"/></acl_role>'
    '<acl_target id="reader"><role id="watcher"/></acl_target></acls>'
)
ENABLED = '<cluster_property_set id="p"><nvpair id="acl" name="enable-acl" value="true"/></cluster_property_set>'


def test_cleanup_by_a_user_whom_access_rules_do_not_permit_it_forgets_nothing() -> None:
    world = cluster(3, "a")
    world.configure("acls", ACLS)
    world.configure("crm_config", f"<crm_config>{ENABLED}</crm_config>")
    world.run_until(world.settled, 30)
    before = world.hosts[1].operations.count("a_monitor_0")
    for user, rc, probes in (("reader", "4", before), ("hacluster", "0", before + 1)):
        text = envelope("lrm_delete", "crmd", host="n1", data=rsc_op("a", "n1"), extra=f'crm_user="{user}"')
        (answer,) = client_ask(world, 2, text)
        (record,) = answer.iter("lrm_rsc_op")
        assert (record.get("operation"), record.get("rc-code")) == ("delete", rc)
        world.run_until(world.settled, 30)
        world.run(2)
        assert world.hosts[1].operations.count("a_monitor_0") == probes
