"""Operations on a CIB: what the peer's cibadmin does to the same document, and the rules around them."""

from __future__ import annotations

import random
import re
from copy import deepcopy

import pytest
from lxml import etree

from hashell.model.document import CallOption, Rc, empty_cib, expand_score, find_section, rc_text
from hashell.model.document_apply import CibOutcome, CibRequest, Surroundings, perform, perform_query
from hashell.model.version import CibVersion, compare_feature_sets, feature_set_compatible
from hashell.model.xmltext import compact, parse
from tests.model.peertools import missing_tools, run_tool

BASE = (
    '<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" epoch="5" num_updates="3" admin_epoch="0">'
    '<configuration><crm_config><cluster_property_set id="o"><nvpair id="o-1" name="x" value="3"/>'
    '</cluster_property_set></crm_config><nodes/><resources><primitive id="a" class="ocf" provider="pacemaker" '
    'type="Dummy"><meta_attributes id="a-m"><nvpair id="a-m-1" name="x" value="1"/></meta_attributes><operations>'
    '<op id="a-o" name="monitor" interval="3s"/></operations></primitive><primitive id="b" class="ocf" '
    'provider="pacemaker" type="Dummy"/><group id="g"><primitive id="g1" class="ocf" provider="pacemaker" '
    'type="Dummy"/></group></resources><constraints><rsc_location id="l" rsc="b" node="n" score="1"/></constraints>'
    '</configuration><status><node_state id="1" uname="n1"><lrm id="1"><lrm_resources><lrm_resource id="a"/>'
    "</lrm_resources></lrm></node_state></status></cib>"
)
Opt = CallOption


def run(op: str, section: str | None = None, data: str | None = None, options: int = 0, **extra) -> CibOutcome:
    request = CibRequest(op, section, CallOption(options), parse(data) if data else None, **extra)
    return perform(parse(BASE), request, Surroundings(now_text="Mon Nov 23 11:22:45 2026"))


def version(outcome: CibOutcome) -> str:
    return str(CibVersion.of(outcome.document))


def primitive(name: str, inner: str = "") -> str:
    return f'<primitive id="{name}" class="ocf" provider="pacemaker" type="Dummy">{inner}</primitive>'


def test_a_configuration_change_makes_an_epoch_and_is_signed():
    who = {"user": "joe", "has_client_name": True, "source": "n1"}
    outcome = run("cib_modify", "resources", '<primitive id="b" type="X"/>', **who)
    assert outcome.rc == 0 and outcome.config_changed and version(outcome) == "0.6.0"
    root = outcome.document
    assert list(root.attrib)[5:] == ["cib-last-written", "update-origin", "update-client", "update-user"]
    assert (root.get("update-origin"), root.get("update-client")) == ("n1", "joe")
    assert outcome.patch.find("version/target").get("epoch") == "6"
    assert 'name="update-origin"' in compact(outcome.patch)


def test_no_mtime_leaves_no_signature():
    outcome = run("cib_modify", "resources", '<primitive id="b" type="X"/>', Opt.NO_MTIME)
    assert version(outcome) == "0.6.0" and outcome.document.get("cib-last-written") is None


@pytest.mark.parametrize(
    ("op", "section", "data", "options", "expected"),
    [
        ("cib_modify", "status", '<node_state id="1" crmd="5"/>', 0, "0.5.4"),
        ("cib_modify", None, '<cib have-quorum="1"/>', 0, "0.5.4"),
        ("cib_modify", "resources", '<primitive id="b" type="Dummy"/>', 0, "0.5.3"),
        ("cib_delete", "resources", '<primitive id="none"/>', 0, "0.5.3"),
        ("cib_bump", None, None, 0, "0.6.4"),
        ("cib_erase", None, None, 0, "1.6.0"),
        ("cib_replace", "nodes", "<nodes/>", 0, "0.6.0"),
        ("cib_replace", "status", "<status/>", 0, "0.5.4"),
        ("cib_replace", None, BASE, 0, "0.5.3"),
        ("cib_create", "resources", primitive("z"), Opt.DRYRUN, "0.5.3"),
    ],
)
def test_counters(op, section, data, options, expected):
    outcome = run(op, section, data, options)
    assert outcome.rc == 0 and version(outcome) == expected


def test_an_unchanged_document_is_the_same_object():
    cib = parse(BASE)
    request = CibRequest("cib_modify", "resources", data=parse('<primitive id="b" type="Dummy"/>'))
    outcome = perform(cib, request, Surroundings())
    assert outcome.document is cib and outcome.patch is None


@pytest.mark.parametrize(
    ("op", "section", "data", "options", "rc"),
    [
        ("cib_modify", "resources", '<primitive id="z"/>', 0, Rc.ENXIO),
        ("cib_modify", "//nope", '<primitive id="z"/>', Opt.XPATH, Rc.ENXIO),
        ("cib_modify", "//[", '<primitive id="z"/>', Opt.XPATH, Rc.ENXIO),
        ("cib_modify", "nonsense", '<primitive id="a"/>', 0, Rc.EINVAL),
        ("cib_modify", "resources", None, 0, Rc.EINVAL),
        ("cib_create", "tags", "<tag/>", 0, Rc.EINVAL),
        ("cib_replace", "resources", '<primitive id="z"/>', 0, Rc.ENXIO),
        ("cib_replace", None, BASE.replace('epoch="5"', 'epoch="4"'), 0, Rc.OLD_DATA),
        ("cib_replace", "/cib", "<a/>", Opt.XPATH, Rc.EINVAL),
        ("cib_delete", "/cib", None, Opt.XPATH, Rc.EINVAL),
        ("cib_delete_alt", None, None, 0, Rc.EINVAL),
        ("cib_upgrade", None, None, 0, Rc.SCHEMA_UNCHANGED),
        ("cib_create", "constraints", '<rsc_location id="n" rsc="none" node="x" score="1"/>', 0, Rc.SCHEMA_VALIDATION),
        ("cib_create", "resources", '<primitive id="z"/>', 0, Rc.SCHEMA_VALIDATION),
        ("cib_modify", None, '<cib crm_feature_set="3.21.0"/>', 0, Rc.EPROTONOSUPPORT),
        ("cib_modify", None, '<cib epoch="4"/>', 0, Rc.OLD_DATA),
        ("cib_apply_diff", None, "<diff/>", 0, Rc.UNKNOWN_FORMAT),
        ("cib_commit_transact", None, None, 0, Rc.GENERIC),
        ("sing", None, None, 0, Rc.EOPNOTSUPP),
    ],
)
def test_refusals_leave_everything_as_it_was(op, section, data, options, rc):
    outcome = run(op, section, data, options)
    assert outcome.rc == rc
    assert compact(outcome.document) == BASE.replace("/></", "/></")
    assert rc_text(rc)


def test_create_says_what_exists():
    outcome = run("cib_create", "resources", f"<resources>{primitive('z')}{primitive('a')}</resources>")
    assert outcome.rc == Rc.EEXIST
    entry = outcome.output.find("failed_update")
    assert dict(entry.attrib) == {
        "id": "a", "object-type": "primitive", "operation": "cib_create", "reason": "File exists",
    }  # fmt: skip


def test_a_replace_with_the_wrong_digest_is_refused():
    assert run("cib_replace", None, BASE, digest="0" * 32).rc == Rc.OLD_DATA


def test_a_replace_that_is_an_update_keeps_the_counters():
    newer = BASE.replace('epoch="5"', 'epoch="9"').replace('id="b"', 'id="bb"').replace('rsc="b"', 'rsc="bb"')
    outcome = run("cib_replace", None, newer, is_update=True)
    assert outcome.rc == 0 and version(outcome) == "0.9.3"


def test_transactions_count_each_part_and_the_whole():
    def part(op: str, data: str, options: int = 0) -> str:
        return (
            f'<cib_command t="cib" cib_op="{op}" cib_section="status" cib_callid="1" '
            f'cib_callopt="{1024 | options}"><cib_calldata>{data}</cib_calldata></cib_command>'
        )

    good = part("cib_modify", '<node_state id="1" crmd="5"/>')
    outcome = run("cib_commit_transact", None, f"<cib_transaction>{good}</cib_transaction>")
    assert outcome.rc == 0 and version(outcome) == "0.5.5"
    bad = part("cib_modify", '<node_state id="7"/>')
    outcome = run("cib_commit_transact", None, f"<cib_transaction>{good}{bad}</cib_transaction>")
    assert outcome.rc == Rc.ENXIO and version(outcome) == "0.5.3"
    outcome = run("cib_commit_transact", None, f"<cib_transaction>{part('cib_sync', '<a/>')}</cib_transaction>")
    assert outcome.rc == Rc.EOPNOTSUPP


def test_upgrade_goes_to_the_highest_schema_or_the_limit():
    old = parse(BASE.replace("pacemaker-4.0", "pacemaker-3.2"))
    outcome = perform(old, CibRequest("cib_upgrade"), Surroundings())
    assert outcome.rc == 0 and outcome.document.get("validate-with") == "pacemaker-4.0"
    assert CibVersion.of(outcome.document).admin_epoch == 1
    limited = perform(old, CibRequest("cib_upgrade", schema_max="pacemaker-3.9"), Surroundings())
    assert limited.document.get("validate-with") == "pacemaker-3.9"
    ancient = parse(BASE.replace("pacemaker-4.0", "pacemaker-1.2"))
    assert perform(ancient, CibRequest("cib_upgrade"), Surroundings()).rc == Rc.TRANSFORM_FAILED


@pytest.mark.parametrize(
    ("name", "old", "value", "expected"),
    [
        ("value", "3", "value++", "4"),
        ("value", None, "value++", "1"),
        ("value", "3", "value+=5", "8"),
        ("value", "3", "value+=-5", "-2"),
        ("value", "INFINITY", "value++", "1000000"),
        ("value", "-INFINITY", "value+=INFINITY", "-1000000"),
        ("value", "3", "other++", "other++"),
        ("value", "3", "value--", "value--"),
        ("value", "word", "value+=x", "0"),
    ],
)
def test_score_updates(name, old, value, expected):
    assert expand_score(name, old, value) == expected


@pytest.mark.parametrize(
    ("section", "options", "expected"),
    [
        ("crm_config", Opt.NO_CHILDREN, "<crm_config/>"),
        ("//op", Opt.XPATH, '<op id="a-o" name="monitor" interval="3s"/>'),
        (
            "//nvpair",
            Opt.XPATH | Opt.XPATH_ADDRESS,
            "<xpath-query><xpath-query-path id=\"/cib/configuration/crm_config/cluster_property_set[@id='o']"
            "/nvpair[@id='o-1']\"/><xpath-query-path id=\"/cib/configuration/resources/primitive[@id='a']"
            "/meta_attributes[@id='a-m']/nvpair[@id='a-m-1']\"/></xpath-query>",
        ),
        ("//rsc_location/@rsc", Opt.XPATH, '<rsc_location id="l" rsc="b" node="n" score="1"/>'),
        (
            "//lrm|//op",
            Opt.XPATH | Opt.NO_CHILDREN,
            '<xpath-query><op id="a-o" name="monitor" interval="3s"/><lrm id="1"/></xpath-query>',
        ),
        ("configuration", Opt.XPATH, None),
        ("count(//op)", Opt.XPATH, None),
        ("tags", 0, None),
        ("all", 0, BASE),
    ],
)  # fmt: skip
def test_queries(section, options, expected):
    outcome = perform_query(parse(BASE), CibRequest("cib_query", section, CallOption(options)), Surroundings())
    assert (outcome.rc, compact(outcome.output) if outcome.output is not None else None) == (
        (Rc.OK, expected) if expected else (Rc.ENXIO, None)
    )


def test_the_empty_cib():
    assert compact(empty_cib()) == (
        '<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" epoch="0" num_updates="0" admin_epoch="0">'
        "<configuration><crm_config/><nodes/><resources/><constraints/></configuration><status/></cib>"
    )


def test_feature_sets_compare_by_number():
    assert compare_feature_sets("3.9.1", "3.20.0") == -1 and compare_feature_sets("3.20", "3.20.0") == -1
    assert feature_set_compatible("3.19.0", "3.20.0") and not feature_set_compatible("3.20.0", "3.19.9")
    assert not feature_set_compatible("4.0.0", "3.0.0") and not feature_set_compatible("", "3.0")


# -- against the peer ----------------------------------------------------------------------------------------------

_OPS = {"-C": "cib_create", "-M": "cib_modify", "-D": "cib_delete", "-d": "cib_delete", "-R": "cib_replace"}


def _random_call(rng: random.Random) -> tuple[list[str], CibRequest]:
    ids = ["a", "b", "g", "g1", "a-m", "a-m-1", "z", "l", "o", "n9"]
    one, two = rng.choice(ids), rng.choice(ids)
    step = rng.choice(["1", "value++", "value+=5", "value+=INFINITY", "&lt;"])
    pair = f'<nvpair id="{rng.choice(["a-m-1", "a-m-2", "o-1", "q"])}" name="x" value="{step}"/>'
    payload = rng.choice([
        primitive(one), pair, f'<meta_attributes id="{two}">{pair}</meta_attributes>',
        f'<primitive id="{one}"><meta_attributes id="{two}">{pair}</meta_attributes></primitive>',
        f"<resources>{primitive(one)}{primitive(two)}</resources>", f'<primitive id="{one}"/>',
        f'<op id="a-o" name="monitor" interval="{rng.randint(5, 9)}s"/>',
        f'<crm_config><cluster_property_set id="o">{pair}</cluster_property_set></crm_config>',
        '<node_state id="1" uname="n1"><lrm id="1"><lrm_resources><lrm_resource id="a"><lrm_rsc_op id="a_last"/>'
        "</lrm_resource></lrm_resources></lrm></node_state>",
        '<node_state id="2"><transient_attributes id="2"/></node_state>', '<lrm id="1"/>', '<nvpair name="X"/>',
        '<cib have-quorum="1"><status/></cib>', f'<rsc_location id="l" rsc="{one}" node="n" score="4"/>', "<acls/>",
    ])  # fmt: skip
    flag = rng.choice(["-C", "-M", "-M", "-D", "-R"])
    section = rng.choice([None, "resources", "crm_config", "status", "constraints", "configuration", "tags"])
    arguments, options = [flag], 0
    if rng.random() < 0.25:
        section = rng.choice(["//primitive", "//primitive[@id='a']", "//nvpair[@name='x']", "//nope", "//resources"])
        arguments, options = arguments + ["--xpath", section], int(Opt.XPATH)
    elif section:
        arguments += ["-o", section]
    if flag == "-M":
        options |= Opt.SCORE_UPDATE
        if rng.random() < 0.5:
            arguments, options = [*arguments, "-c"], options | Opt.CAN_CREATE
    arguments += ["-X", payload]
    return arguments, CibRequest(_OPS[flag], section, CallOption(options), parse(payload))


@pytest.mark.skipif(bool(missing_tools()), reason=missing_tools())
def test_the_peer_does_the_same_to_a_file(tmp_path):
    file = tmp_path / "cib.xml"
    changed = 0
    for seed in range(120):
        arguments, request = _random_call(random.Random(seed))
        file.write_text(BASE)
        said = run_tool(tmp_path, "sh", "-c", 'CIB_file=/w/cib.xml cibadmin "$@"', "-", *arguments)
        outcome = perform(parse(BASE), request, Surroundings())
        theirs = re.sub(r' (cib-last-written|update-[a-z]+)="[^"]*"', "", compact(parse(file.read_text())))
        ours = re.sub(r' (cib-last-written|update-[a-z]+)="[^"]*"', "", compact(outcome.document))
        assert ours == theirs, f"seed {seed}: {arguments}"
        wanted = rc_text(outcome.rc) if outcome.rc else ""
        assert said.stderr.strip().rpartition("Call failed: ")[2] == wanted, f"seed {seed}: {arguments}"
        changed += ours != BASE
    assert changed > 10


def test_find_section_knows_all_names():
    cib = deepcopy(parse(BASE))
    assert find_section(cib, "status").tag == "status" and find_section(cib, "resources").tag == "resources"
    assert find_section(cib, None) is cib and find_section(cib, "all") is cib and find_section(cib, "rhubarb") is None
    assert isinstance(find_section(cib, "cib"), etree._Element)
