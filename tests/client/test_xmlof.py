"""A JSON form as XML: values as attributes, lists and objects as elements, nothing lost."""

from __future__ import annotations

from lxml import etree

from hashell.client.xmlof import xml_of


def test_values_lists_and_objects() -> None:
    data = {"name": "a<b", "count": 3, "on": True, "none": None, "answers": [{"text": "x", "causes": [{"id": "i"}]}],
            "places": {"web": ["n1", "n2"], "db": []}, "words": ["p", "q"]}  # fmt: skip
    text = xml_of("top", data, {"answers": "answer", "causes": "cause", "places": "resource", "resource": "node"})
    root = etree.fromstring(text)
    assert dict(root.attrib) == {"name": "a<b", "count": "3", "on": "true"}
    assert root.xpath("answers/answer/@text") == ["x"]
    assert root.xpath("answers/answer/causes/cause/@id") == ["i"]
    assert root.xpath("places/resource[@name='web']/node/@value") == ["n1", "n2"]
    assert root.xpath("count(places/resource[@name='db']/*)") == 0
    assert root.xpath("words/words/@value") == ["p", "q"]
