"""Access control: roles with their permissions and the shortcuts for common XPaths, and old-style users."""

from __future__ import annotations

import re
from typing import Any

import pyparsing as pp

from hashell.grammar.terminals import (
    SEP,
    Mark,
    Parser,
    description,
    fail,
    id_words,
    identifier,
    mark,
    split_marks,
    whole,
    word,
)
from hashell.grammar.tree import Elem

#: shortcut -> (template with {0} for the first argument, suffix with {0} for the second or only optional one).
_SHORTCUTS: dict[str, tuple[int, str, str]] = {
    "meta": (1, "//primitive[@id='{0}']/meta_attributes", "/nvpair[@name='{0}']"),
    "params": (1, "//primitive[@id='{0}']/instance_attributes", "/nvpair[@name='{0}']"),
    "utilization": (1, "//primitive[@id='{0}']/utilization", ""),
    "location": (1, "//rsc_location[@id='cli-prefer-{0}' and @rsc='{0}']", ""),
    "property": (0, "//crm_config/cluster_property_set", "/nvpair[@name='{0}']"),
    "nodeattr": (0, "//nodes/node/instance_attributes", "/nvpair[@name='{0}']"),
    "nodeutil": (0, "//nodes/node/utilization", "[@uname='{0}']"),
    "node": (0, "//nodes/node", "[@uname='{0}']"),
    "status": (0, "/cib/status", ""),
    "cib": (0, "/cib", ""),
}
_SPECS = {"xpath": "xpath", "ref": "reference", "reference": "reference", "tag": "object-type",
          "type": "object-type", "attr": "attribute", "attribute": "attribute"}


def expand_shortcut(words: list[str]) -> str | None:
    """The XPath of `meta:R:N` and its kin, split at colons; None if arguments are missing or too many."""
    required, base, suffix = _SHORTCUTS[words[0]]
    arguments = words[1:]
    if len(arguments) < required or len(arguments) > required + (1 if suffix else 0):
        return None
    xpath = base.format(*arguments[:required]) if required else base
    for argument in arguments[required:]:
        xpath += suffix.format(argument)
    return xpath


def shortcut_of(xpath: str) -> str | None:
    """The shortcut an XPath is shown as, or None."""
    for name, (required, base, suffix) in _SHORTCUTS.items():
        pattern = re.escape(base)
        if required:
            first, *others = pattern.split(re.escape("{0}"))
            pattern = first + r"([^'\]]+)" + r"\1".join(others)
        if suffix:
            pattern += "(?:" + re.escape(suffix).replace(re.escape("{0}"), r"([^'\]]+)") + ")?"
        match = re.fullmatch(pattern, xpath)
        if match:
            return ":".join([name, *(g for g in match.groups() if g)])
    return None


def _permission(text: str, loc: int, tokens: Any) -> list[Elem]:
    marks, _ = split_marks(tokens)
    specs: dict[str, str] = {}
    for token in tokens:
        if token.kind in ("xpath", "reference", "object-type", "attribute"):
            specs[token.kind] = token.value
    common = {"id": marks["id"]} if "id" in marks else {}
    if "description" in marks:
        common["description"] = marks["description"]
    out: list[Elem] = []
    for kind in ("xpath", "reference"):
        if kind in specs:
            out.append(Elem("acl_permission", {"kind": marks["kind"].lower(), **common, kind: specs[kind]}))
    if "object-type" in specs:
        attrs = {"kind": marks["kind"].lower(), **common, "object-type": specs["object-type"]}
        if "attribute" in specs:
            attrs["attribute"] = specs["attribute"]
        out.append(Elem("acl_permission", attrs))
    elif "attribute" in specs:
        raise fail(text, loc, "type:ELEMENT together with attr:NAME")
    if not out:
        raise fail(text, loc, "xpath:, ref:, type: or a shortcut such as meta:RESOURCE")
    return out


def _spec(text: str, loc: int, tokens: Any) -> Mark:
    name, _, value = tokens[0].partition(":")
    lowered = name.lower()
    if lowered in _SPECS:
        if not value:
            raise fail(text, loc, f"{lowered}:VALUE")
        return Mark(_SPECS[lowered], value)
    xpath = expand_shortcut([lowered, *tokens[0].split(":")[1:]])
    if xpath is None:
        raise fail(text, loc, f"the argument of the ACL shortcut {lowered} ({lowered}:NAME)")
    return Mark("xpath", xpath)


def _permission_parser() -> Parser:
    right = mark("kind", word("read|write|deny", "read, write or deny"))
    colon = word(r"[\w-]+:", "ID:").set_parse_action(lambda t: Mark("id", t[0][:-1]))
    names = "|".join([*_SPECS, *_SHORTCUTS])
    spec = word(rf"(?:{names})(?::[^{SEP}]*)?", "xpath:, ref:, type: or a shortcut such as meta:RESOURCE")
    spec.set_parse_action(_spec)
    body = right - (pp.Opt(colon | id_words()) + pp.Opt(description()) + pp.OneOrMore(spec))
    return body.set_parse_action(_permission)


def role() -> Parser:
    def action(tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        attrs = {"id": marks["name"]}
        if "description" in marks:
            attrs["description"] = marks["description"]
        return Elem("acl_role", attrs, elements)

    name = mark("name", identifier("the id of the role"))
    body = name - (pp.Opt(description()) + pp.ZeroOrMore(_permission_parser()))
    return whole(body.set_parse_action(action), "read, write or deny")


def user() -> Parser:
    """Old-style users: accepted as text, refused by schemas since pacemaker-2.0."""
    by_role = word(rf"role:[^{SEP}]+", "role:ID").set_parse_action(lambda t: Elem("role_ref", {"id": t[0][5:]}))

    def action(tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        return Elem("acl_user", {"id": marks["name"]}, elements)

    body = mark("name", identifier("the user's name")) - pp.OneOrMore(by_role | _permission_parser())
    return whole(body.set_parse_action(action), "role:ID")
