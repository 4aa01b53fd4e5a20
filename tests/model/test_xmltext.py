"""The text form: the quick way and the slow way agree, and both are the peer's."""

from __future__ import annotations

import random
from io import StringIO

import pytest
from lxml import etree

from hashell.model import xmltext
from hashell.model.digest import VOLATILE, digest_v1, digest_v2
from hashell.model.xmltext import compact, parse


def slowly(element: etree._Element, omit: frozenset[str] = frozenset()) -> str:
    out = StringIO()
    xmltext._write(element, out.write, omit)
    return out.getvalue()


VALUES = [
    "", "x", 'a"b', "<&>", "q'", "é", "\x7f", "a\nb", "\t", " update-user=", " x update-origin=", "/", " ", "xmlns",
    "a update-user='1'", "&#10;",
]  # fmt: skip
NAMES = ["id", "v", "update-user", "update-origin", "crm-debug-origin", "cib-last-written", "update-client"]


def random_tree(rng: random.Random, depth: int = 0) -> etree._Element:
    element = etree.Element(rng.choice(["a", "b-c", "d"]))
    for name in rng.sample(NAMES, rng.randint(0, 4)):
        element.set(name, rng.choice(VALUES))
    for _ in range(rng.randint(0, 3) if depth < 3 else 0):
        element.append(etree.Comment(" x ") if rng.random() < 0.1 else random_tree(rng, depth + 1))
    if rng.random() < 0.05:
        element.text = rng.choice([" ", "\n", "text <&> \"'"])
    return element


@pytest.mark.parametrize("seed", range(300))
def test_both_ways_agree(seed):
    tree = random_tree(random.Random(seed))
    tree.tail = "tail"
    assert compact(tree) == slowly(tree)
    assert compact(tree, VOLATILE) == slowly(tree, VOLATILE)


def test_digests_of_the_peer():
    cib = parse(
        '<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" epoch="5" num_updates="3" admin_epoch="0">'
        "<!-- top --><configuration><crm_config/><nodes/><resources><!-- hello <x> & --><primitive id=\"a\" "
        'class="ocf" provider="pacemaker" type="Dummy" description="a&#10;b&quot;&#9;é"/></resources><constraints/>'
        "</configuration><status/></cib>"
    )
    assert digest_v1(cib) == "d7e72e1c2a55430c4fba05810ef6544e"
    assert digest_v2(cib) == "b4db36bcc77f0e09f289f58201bef85d"
