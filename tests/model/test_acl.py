"""Who may read and change what."""

from __future__ import annotations

import pytest

from hashell.model import acl
from hashell.model.document import CallOption, Rc
from hashell.model.document_apply import CibRequest, Surroundings, perform, perform_query
from hashell.model.xmltext import compact, parse

ACLS = (
    '<acls><acl_role id="operator"><acl_permission id="p1" kind="read" xpath="/cib"/>'
    '<acl_permission id="p2" kind="write" object-type="nvpair" reference="a-role"/>'
    '<acl_permission id="p3" kind="deny" xpath="//nvpair[@name=\'password\']"/></acl_role>'
    '<acl_role id="editor"><acl_permission id="p4" kind="write" xpath="//resources"/></acl_role>'
    '<acl_role id="spy"><acl_permission id="p5" kind="read" reference="b"/></acl_role>'
    '<acl_target id="joe"><role id="operator"/></acl_target>'
    '<acl_target id="x" name="ann"><role id="editor"/></acl_target>'
    '<acl_group id="spies"><role id="spy"/></acl_group></acls>'
)
CIB = (
    '<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" epoch="1" num_updates="0" admin_epoch="0">'
    '<configuration><crm_config><cluster_property_set id="o"><nvpair id="e" name="enable-acl" value="true"/>'
    '</cluster_property_set></crm_config><nodes/><resources><primitive id="a" class="ocf" type="D">'
    '<meta_attributes id="a-m"><nvpair id="a-role" name="target-role" value="Started"/>'
    '<nvpair id="a-pw" name="password" value="secret"/></meta_attributes></primitive>'
    '<primitive id="b" class="ocf" type="D"/></resources><constraints/>' + ACLS + "</configuration><status/></cib>"
)
AROUND = Surroundings(groups=lambda user: ("spies",) if user == "sid" else ())


def read(user: str) -> tuple[int, str]:
    outcome = perform_query(parse(CIB), CibRequest("cib_query", user=user), AROUND)
    return outcome.rc, compact(outcome.output) if outcome.output is not None else ""


def change(user: str, op: str, data: str | None, section: str | None = "resources", options: int = 0) -> int:
    request = CibRequest(op, section, CallOption(options), parse(data) if data else None, user=user)
    return perform(parse(CIB), request, AROUND).rc


def test_superusers_and_clusters_without_acls_are_free():
    cib = parse(CIB)
    assert not acl.needed(cib, "root") and not acl.needed(cib, "hacluster") and not acl.needed(cib, None)
    assert acl.needed(cib, "joe") and not acl.needed(parse(CIB.replace('"true"', '"false"')), "joe")


def test_denied_parts_are_cut_out():
    rc, text = read("joe")
    assert rc == 0 and "target-role" in text and "secret" not in text


def test_only_readable_parts_and_the_way_to_them_are_shown():
    rc, text = read("sid")
    assert (rc, text) == (
        0, '<cib><configuration><resources><primitive id="b" class="ocf" type="D"/></resources></configuration></cib>',
    )  # fmt: skip


def test_without_permissions_nothing_is_readable():
    assert read("bob") == (Rc.EACCES, "")


@pytest.mark.parametrize(
    ("user", "op", "data", "rc"),
    [
        ("joe", "cib_modify", '<nvpair id="a-role" value="Stopped"/>', 0),
        ("joe", "cib_modify", '<nvpair id="a-pw" value="known"/>', Rc.EACCES),
        ("joe", "cib_modify", '<primitive id="b" type="E"/>', Rc.EACCES),
        ("joe", "cib_delete", '<nvpair id="a-pw"/>', Rc.EACCES),
        ("joe", "cib_create", '<primitive id="c" class="ocf" type="D"/>', Rc.EACCES),
        ("ann", "cib_create", '<primitive id="c" class="ocf" type="D"/>', 0),
        ("ann", "cib_delete", '<primitive id="b"/>', 0),
        ("sid", "cib_modify", '<primitive id="b" type="E"/>', Rc.EACCES),
        ("bob", "cib_modify", '<primitive id="b" type="E"/>', Rc.EACCES),
        ("root", "cib_modify", '<primitive id="b" type="E"/>', 0),
    ],
)
def test_changes(user, op, data, rc):
    assert change(user, op, data) == rc


def test_nobody_gives_himself_a_right():
    grant = '<acl_target id="bob"><role id="editor"/></acl_target>'
    assert change("ann", "cib_create", grant, "acls") == Rc.EACCES


def test_a_broken_permission_grants_nothing():
    broken = CIB.replace('xpath="//resources"', 'xpath="//["')
    request = CibRequest("cib_delete", "resources", data=parse('<primitive id="b"/>'), user="ann")
    assert perform(parse(broken), request, AROUND).rc == Rc.EACCES
