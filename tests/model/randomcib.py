"""Random edits of a small CIB."""

from __future__ import annotations

import random

from lxml import etree

from hashell.model.xmltext import parse

BASE = (
    '<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" epoch="5" num_updates="7" admin_epoch="0" '
    'have-quorum="1"><configuration><crm_config><cluster_property_set id="o"><nvpair id="o-1" name="a" value="1"/>'
    '<nvpair id="o-2" name="b" value="&lt;2&quot;"/></cluster_property_set></crm_config><nodes><node id="1" '
    'uname="n1"/><node id="2" uname="n2"/></nodes><resources><group id="g"><primitive id="g1" class="ocf" '
    'type="D"/><primitive id="g2" class="ocf" type="D"/><primitive id="g3" class="ocf" type="D"/></group>'
    '<primitive id="a" class="ocf" type="x"><operations><op id="a-m" name="monitor" interval="10s"/><op id="a-s" '
    'name="start" interval="0"/></operations></primitive><primitive id="b" class="ocf" type="x"/><primitive '
    'id="c" class="ocf" type="x"/></resources><constraints><rsc_location id="l" rsc="a" node="n1" score="5"/>'
    '<rsc_order id="ord" first="a" then="b"/></constraints></configuration><status><node_state id="1" '
    'uname="n1"><lrm id="1"><lrm_resources><lrm_resource id="a" class="ocf"><lrm_rsc_op id="a_last" rc="0"/>'
    "</lrm_resource></lrm_resources></lrm></node_state></status></cib>"
)
_VERSIONS = ("epoch", "num_updates", "admin_epoch")
_ROOT = (*_VERSIONS, "validate-with", "crm_feature_set")


def mutate(rng: random.Random, cib: etree._Element, times: int) -> None:
    for _ in range(times):
        elements = [e for e in cib.iter() if isinstance(e.tag, str)]
        element = rng.choice(elements)
        kind = rng.random()
        if kind < 0.3:
            _attribute(rng, element)
        elif kind < 0.5 and element.getparent() is not None and element.get("id"):
            element.getparent().remove(element)
        elif kind < 0.75:
            number = rng.randint(0, 99999)
            new = parse(f'<nv id="n{number}" v="{rng.randint(0, 9)}"><k id="k{number}"/></nv>')
            element.insert(rng.randint(0, len(element)), new)
        elif kind < 0.95 and len(element) > 1:
            child = rng.choice(list(element))
            element.remove(child)
            element.insert(rng.randint(0, len(element)), child)
        elif len(element.attrib) > 2:
            items = list(element.items())
            rng.shuffle(items)
            element.attrib.clear()
            for name, value in items:
                element.set(name, value)


def _attribute(rng: random.Random, element: etree._Element) -> None:
    name = rng.choice([n for n in element.keys() if n != "id"] + ["extra", "zz"])  # noqa: SIM118
    if name in _ROOT:
        element.set(name if name in _VERSIONS else "have-quorum", str(rng.randint(5, 9)))
    elif rng.random() < 0.35 and name in element.attrib:
        del element.attrib[name]
    else:
        element.set(name, rng.choice(["1", "x y", 'a"b', "<&>", "q'", "é", ""]))
