"""corosync.conf: what is read, and that every error has its line and a remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.model.diagnostics import HashellError
from hashell.stack.membership.cmap.values import CmapType
from hashell.stack.membership.conf.effective import RingFacts, milliseconds, ring_facts
from hashell.stack.membership.conf.nodes import find_local, read_nodes
from hashell.stack.membership.conf.parser import Conf, parse_conf

GOOD = """# a comment
totem {
    version: 2
    cluster_name: lab
    transport: udpu
    token: 1000
    interface {
        linknumber: 0
        mcastport: 5410
    }
}
nodelist {
    node {
        ring0_addr: 10.0.0.1
        name: alpha
        nodeid: 1
    }
    node {
        ring0_addr: 10.0.0.2
        name: beta
        nodeid: 2
    }
    node {
        ring0_addr: 10.0.0.3
        name: gamma
        nodeid: 3
    }
}
quorum {
    provider: corosync_votequorum
}
logging {
    to_syslog: yes
    logger_subsys {
        subsys: TOTEM
        debug: on
    }
}
uidgid {
    uid: 1000
}
"""


def facts(text: str = GOOD, name: str = "beta") -> RingFacts:
    conf = parse_conf(text, "c.conf")
    nodes = read_nodes(conf)
    return ring_facts(conf, nodes, find_local(conf, nodes, name, "host", lambda a: False))


def failure(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(HashellError) as caught:
        facts(text)
    return [(d.place.line if d.place else 0, d.text(), d.remedy()) for d in caught.value.diagnostics]


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def test_keys_are_typed_as_cmap_has_them() -> None:
    conf = parse_conf(GOOD)
    assert conf.values["totem.token"].type is CmapType.U32
    assert conf.values["totem.transport"].data == b"udpu\0"
    assert conf.number("totem.interface.0.mcastport") == 5410
    assert conf.values["totem.interface.0.mcastport"].type is CmapType.U16
    assert conf.text("nodelist.node.1.name") == "beta"
    assert conf.text("logging.logger_subsys.TOTEM.debug") == "on"
    assert conf.number("uidgid.config.uid.1000") == 1
    assert conf.lines["totem.token"] == 6
    assert not conf.warnings


def test_effective_values_are_corosyncs() -> None:
    f = facts()
    values = milliseconds(parse_conf(GOOD), 3)
    assert (values["token"], values["consensus"], values["token_retransmit"], values["hold"]) == (1650, 1980, 392, 303)
    assert f.config.totem.token == 1.65 and f.config.totem.consensus == 1.98
    assert f.config.totem.token_retransmit == 0.392 and f.config.totem.hold == 0.303
    assert f.config.totem.net_mtu == 1410
    assert f.config.totem.members == (1, 2, 3) and f.local.nodeid == 2 and f.port == 5410
    assert f.config.votes and f.config.votes.expected == 3
    assert f.runtime_keys["nodelist.local_node_pos"].python() == 1
    assert f.runtime_keys["runtime.config.totem.token"].python() == 1650


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("totem {\nnonsense\n}\n", 2, "Line is not opening or closing section or key value"),
        ("totem {\n", 1, "Missing closing brace"),
        ("}\n", 1, "Unexpected closing brace"),
        ("{\n}\n", 1, "Missing section name before opening bracket '{'"),
        ("totem { version: 2\n}\n", 1, "Extra characters after opening bracket '{'"),
        ("totem {\n} x\n", 2, "Extra characters before or after closing bracket '}'"),
        ("totem {\nx: " + "y" * 600 + "\n}\n", 2, "Line too long"),
        ("uidgid {\nname: x\n}\n", 2, "uidgid: Only uid and gid are allowed items"),
        ("totem {\ninterface {\nlinknumber: 9\n}\n}\n", 2, "interface ring number 9 is bigger than allowed maximum 7"),
    ],
)
def test_grammar_errors(text: str, line: int, problem: str) -> None:
    with pytest.raises(HashellError) as caught:
        parse_conf(text, "c.conf")
    first = caught.value.diagnostics[0]
    assert first.text() == problem and first.remedy()
    assert str(first).startswith(f"c.conf:{line}: error: ")


def test_all_errors_are_told_at_once() -> None:
    text = changed("token: 1000", "token: abc").replace("transport: udpu", "transport: knett")
    errors = failure(text)
    assert [line for line, _, _ in errors] == [5, 6]
    assert "did you mean knet?" in errors[0][2]
    assert errors[1][1] == 'totem.token cannot be "abc"'
    assert "integer in range (0..4294967295)" in errors[1][2]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("token: 1000", "token: 10\n  token_coefficient: 0", 6, "The token timeout parameter"),
        ("token: 1000", "token: -1", 6, "totem.token"),
        ("version: 2", "version: 1", 3, "This totem parser can only parse version 2 configurations."),
        ("version: 2", "version: 2\n    crypto_cipher: aes256\n    crypto_hash: sha256", 4, "only valid for the Knet"),
        ("transport: udpu", "transport: knet\n    crypto_cipher: aes256", 6, "requires crypto_hash"),
        ("token: 1000", "token_warning: 200", 6, "must be between 0"),
        ("nodeid: 3", "nodeid: 2", 26, "Nodeid 2 appears twice"),
        ("        ring0_addr: 10.0.0.3\n", "", 23, "has no ring0_addr"),
        ("ring0_addr: 10.0.0.3", "ring0_addr: fe80::1", 24, "different IP families"),
        ("ring0_addr: 10.0.0.3", "ring0_addr: 10.0.0.3\n  ring1_addr: 10.1.0.3", 24, "same number of links"),
        ("corosync_votequorum", "magic", 30, "Quorum provider: magic failed to initialize."),
    ],
)
def test_rules_are_told_with_their_line(old: str, new: str, line: int, words: str) -> None:
    errors = failure(changed(old, new))
    assert words in errors[0][1]
    assert errors[0][0] == line
    assert errors[0][2]


def test_a_misspelt_key_is_kept_and_noted() -> None:
    conf = parse_conf(changed("cluster_name: lab", "cluster_nam: lab"))
    assert [(w.place.line, w.remedy()) for w in conf.warnings if w.place] == [(4, "did you mean cluster_name?")]
    assert conf.text("totem.cluster_nam") == "lab"


def test_the_local_node() -> None:
    conf = parse_conf(GOOD)
    nodes = read_nodes(conf)

    def find(name: str, host: str, address: str = "") -> str:
        return find_local(conf, nodes, name, host, lambda a: a == address).name

    assert find("gamma", "alpha") == "gamma", "a given name goes before the host's"
    assert find("", "alpha.example.org") == "alpha"
    assert find("", "elsewhere", "10.0.0.2") == "beta"
    for arguments in (("delta", "alpha"), ("", "elsewhere")):
        with pytest.raises(HashellError, match="alpha, beta, gamma"):
            find(*arguments)


def test_node_ids_from_addresses() -> None:
    text = GOOD.replace("        nodeid: 1\n", "").replace("10.0.0.1", "10.0.0.1")
    assert read_nodes(parse_conf(text))[0].nodeid == 167772161
    with pytest.raises(HashellError, match="requires an explicit nodeid"):
        read_nodes(parse_conf(text.replace("udpu", "knet")))


def test_two_node_and_expected_votes() -> None:
    provider = "provider: corosync_votequorum"
    f = facts(changed(provider, provider + "\n two_node: 1\n expected_votes: 2"))
    assert f.config.votes and f.config.votes.two_node and f.config.votes.waits_for_all
    assert f.config.votes.expected == 2
    assert facts(changed("    provider: corosync_votequorum\n", "")).config.votes is None


@given(st.text(alphabet="totem{}:# \n\tversion2node", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_conf(text), Conf)
    except HashellError as error:
        assert error.diagnostics
