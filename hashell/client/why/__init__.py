"""Why a resource is where it is, in words: the policy engine's own ledger, read for an administrator.

`Case(cib)` decides a CIB with the ledger kept; `explain_resource(case, name, node)` gives an `Explanation`, which has
a text form (`lines()`) and a JSON form (`as_json()`). `explain` does both steps for the shell.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hashell.client.why.answer import Answer, Cause, Explanation
from hashell.client.why.case import Case
from hashell.client.why.explain import explain_resource

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.model.dates import DateTime

__all__ = ["Answer", "Case", "Cause", "Explanation", "explain", "explain_resource", "written"]


def explain(cib: _Element, *words: str, form: str = "text", now: DateTime | None = None) -> list[str]:
    """Lines about RESOURCE [NODE]; words may also be one RESOURCE@NODE. form: text, json or xml.

    Raises HashellError for an unknown resource or node and for a CIB that cannot be used.
    """
    name, node = (*words, "", "")[:2]
    if not node:
        name, _, node = name.partition("@")
    return written(explain_resource(Case(cib, now), name, node), form)


def written(explanation: Explanation, form: str) -> list[str]:
    """The explanation in the form asked for."""
    if form == "xml":
        from hashell.client.xmlof import xml_of

        names = {"answers": "answer", "causes": "cause", "because": "cause"}
        return xml_of("explanation", explanation.as_json(), names).split("\n")
    if form == "json":
        return json.dumps(explanation.as_json(), indent=2, ensure_ascii=False).split("\n")
    return explanation.lines()
