"""Patchsets: the peer's exact form, and that applying one gives the target."""

from __future__ import annotations

import random
from copy import deepcopy

import pytest
from lxml import etree

from hashell.model import patchset
from hashell.model.xmltext import compact, parse, pretty
from tests.model.peertools import missing_tools, run_tool
from tests.model.randomcib import BASE, mutate


def resources(inner: str, *, epoch: int = 5, updates: int = 7) -> etree._Element:
    return parse(
        f'<cib crm_feature_set="3.20.0" epoch="{epoch}" num_updates="{updates}" admin_epoch="0">'
        f"<configuration><resources>{inner}</resources></configuration><status/></cib>"
    )


def primitives(names: str) -> str:
    return "".join(f'<primitive id="{name}"/>' for name in names)


def summary(old: str, new: str) -> list[str]:
    """Changes as `move c 0`, from what `patchset.changes` found between two lists of primitives."""
    found = patchset.changes(resources(primitives(old)), resources(primitives(new)))
    return [
        " ".join(
            filter(None, [c.get("operation"), (c.get("path") or "").partition("'")[2].rstrip("']"), c.get("position")])
        )
        for c in found
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [  # observed on the peer's crm_diff
        ("abcd", "dabc", ["move d 0", "move a 1"]),
        ("abcd", "bcda", ["move b 0", "move a 3"]),
        ("abcd", "acdb", ["move c 1", "move b 3"]),
        ("abcd", "bdca", ["move b 0", "move d 1", "move c 2", "move a 3"]),
        ("abcd", "cbad", ["move c 0", "move a 2"]),
        ("abcd", "bcd", ["delete a"]),
        ("abcd", "cbd", ["delete a", "move c 0", "move b 1"]),
        ("abc", "xabc", ["create 0"]),
        ("abc", "axcb", ["create 1", "move c 2", "move b 3"]),
        ("abcde", "edx", ["delete a", "delete b", "delete c", "move e 0", "move d 1", "create 2"]),
    ],
)
def test_moves_are_counted_as_the_peer_counts_them(old, new, expected):
    assert summary(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("x y z", "x z", "z y-"),
        ("x y z", "y z", "y x-"),
        ("x y z", "z y x", "z x"),
        ("x y", "w x y", "w x"),
        ("x y z", "w z y", "w z y x-"),
        ("x y z w", "y x w z", "y x w z"),
    ],
)
def test_attributes_that_change_place_are_listed(old, new, expected):
    def one(names: str) -> etree._Element:
        return resources('<p id="a" ' + " ".join(f'{n}="1"' for n in names.split()) + "/>")

    (change,) = patchset.changes(one(old), one(new))
    listed = [a.get("name") + ("-" if a.get("operation") == "unset" else "") for a in change.iter("change-attr")]
    assert listed == expected.split()


def test_the_whole_form():
    old = resources('<primitive id="a" type="x"/><primitive id="b"/>')
    new = resources('<primitive id="a" class="ocf"/><primitive id="c"><op id="o"/></primitive>', epoch=6, updates=0)
    patch = patchset.create(old, new)
    assert compact(patch) == (
        '<diff format="2"><version><source admin_epoch="0" epoch="5" num_updates="7"/>'
        '<target admin_epoch="0" epoch="6" num_updates="0"/></version>'
        "<change operation=\"delete\" path=\"/cib/configuration/resources/primitive[@id='b']\"/>"
        '<change operation="modify" path="/cib"><change-list><change-attr name="epoch" operation="set" value="6"/>'
        '<change-attr name="num_updates" operation="set" value="0"/></change-list><change-result>'
        '<cib crm_feature_set="3.20.0" epoch="6" num_updates="0" admin_epoch="0"/></change-result></change>'
        "<change operation=\"modify\" path=\"/cib/configuration/resources/primitive[@id='a']\"><change-list>"
        '<change-attr name="class" operation="set" value="ocf"/><change-attr name="type" operation="unset"/>'
        '</change-list><change-result><primitive id="a" class="ocf"/></change-result></change>'
        '<change operation="create" path="/cib/configuration/resources" position="1">'
        '<primitive id="c"><op id="o"/></primitive></change></diff>'
    )


def test_equal_trees_have_no_patchset_and_missing_versions_count_as_one():
    old = resources("")
    assert patchset.create(old, deepcopy(old)) is None
    new = deepcopy(old)
    del new.attrib["admin_epoch"]
    new.set("x", "y")
    patch = patchset.create(old, new, digest=True)
    assert patch.find("version/target").get("admin_epoch") == "1"
    assert len(patch.get("digest")) == 32


@pytest.mark.parametrize("seed", range(150))
def test_applying_a_patchset_gives_the_target(seed):
    rng = random.Random(seed)
    old = parse(BASE)
    mutate(rng, old, 3)
    new = deepcopy(old)
    mutate(rng, new, rng.randint(1, 10))
    new.set("epoch", "50")
    patch = parse(compact(patchset.create(old, new, digest=True)))
    result = deepcopy(old)
    assert patchset.apply(result, patch) == 0
    assert compact(result) == compact(new)


def versions(source: str, target: str) -> etree._Element:
    def side(tag: str, text: str) -> str:
        return f"<{tag} " + " ".join(f'{n}="{v}"' for n, v in zip(patchset.COUNTERS, text.split("."))) + "/>"

    return parse(f'<diff format="2"><version>{side("source", source)}{side("target", target)}</version></diff>')


@pytest.mark.parametrize(
    ("source", "target", "rc"),
    [
        ("0.5.7", "0.5.8", 0),
        ("0.5.8", "0.5.9", patchset.DIFF_RESYNC),
        ("0.6.0", "0.7.0", patchset.DIFF_RESYNC),
        ("0.5.6", "0.5.7", patchset.OLD_DATA),
        ("0.4.9", "0.6.0", patchset.OLD_DATA),
        ("1.0.0", "1.1.0", patchset.DIFF_RESYNC),
        ("0.5.7", "0.5.7", patchset.OLD_DATA),
    ],
)
def test_a_patchset_fits_only_its_source_version(source, target, rc):
    assert patchset.apply(resources(""), versions(source, target)) == rc


@pytest.mark.parametrize(
    ("change", "rc"),
    [
        ('<change operation="delete" path="/cib/nothing"/>', 0),
        ('<change operation="modify" path="/cib/nothing"/>', patchset.DIFF_FAILED),
        ('<change operation="modify" path="/cib"/>', patchset.DIFF_FAILED),
        ('<change operation="create" path="/cib/configuration" position="x"/>', patchset.DIFF_FAILED),
        ('<change operation="move" path="/cib" position="0"/>', patchset.DIFF_FAILED),
        ('<change operation="delete" path="/cib"/>', patchset.DIFF_FAILED),
        ('<change operation="sing" path="/cib/status"/>', patchset.DIFF_FAILED),
        ('<change operation="move" path="cib/status" position="0"/>', patchset.DIFF_FAILED),
        ("<change/>", patchset.DIFF_FAILED),
    ],
)
def test_changes_that_do_not_fit(change, rc):
    patch = versions("0.5.7", "0.5.8")
    patch.append(parse(change))
    assert patchset.apply(resources(""), patch) == rc


def test_a_wrong_digest_and_another_format():
    patch = versions("0.5.7", "0.5.8")
    patch.set("digest", "0" * 32)
    assert patchset.apply(resources(""), patch) == patchset.DIFF_FAILED
    patch.set("format", "1")
    assert patchset.apply(resources(""), patch) == patchset.UNKNOWN_FORMAT


def test_which_changes_make_an_epoch():
    base = parse(BASE)

    def touched(edit: str, attribute: str) -> bool:
        changed = deepcopy(base)
        changed.xpath(edit)[0].set(attribute, "new")
        return patchset.touches_configuration(patchset.changes(base, changed))

    assert touched("//primitive", "type") and touched("/cib/configuration", "x")
    assert not touched("/cib", "dc-uuid") and not touched("//node_state", "crmd")


@pytest.mark.skipif(bool(missing_tools()), reason=missing_tools())
def test_the_peer_makes_the_same_patchsets(tmp_path):
    for seed in range(60):
        rng = random.Random(9000 + seed)
        old = parse(BASE)
        mutate(rng, old, 3)
        new = deepcopy(old)
        mutate(rng, new, rng.randint(1, 8))
        (tmp_path / "old.xml").write_text(pretty(old))
        (tmp_path / "new.xml").write_text(pretty(new))
        said = run_tool(tmp_path, "crm_diff", "-o", "old.xml", "-n", "new.xml").stdout
        patch = patchset.create(old, new)
        assert ("" if patch is None else pretty(patch)) == said, f"seed {seed}"


def test_a_patch_without_versions_fits_any_cib():
    old = parse('<cib admin_epoch="0" epoch="9" num_updates="2"><configuration><resources/></configuration></cib>')
    patch = parse(
        '<diff format="2"><change operation="create" path="/cib/configuration/resources" position="0">'
        '<primitive id="d"/></change></diff>'
    )
    assert patchset.apply(old, patch) == 0
    assert old.find("configuration/resources/primitive") is not None
