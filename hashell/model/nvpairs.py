"""Name/value blocks (`instance_attributes`, `meta_attributes`, …): their order, rules and values (model spec ch. 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.rules import Context, evaluate, resolve
from hashell.model.scores import score

if TYPE_CHECKING:
    from lxml.etree import _Element

#: The pairs of one block in order, and its rule.
Block = tuple["_Element | None", list[tuple[str, str]]]


def sorted_blocks(parent: _Element, tag: str, always_first: str | None = None) -> list[Block]:
    """The blocks named `tag` directly below `parent`, in the order of their effect: the first to set a name wins.

    Highest score first; among equal scores the last one in the document.
    """
    blocks = [block for element in parent.iterchildren(tag) if (block := resolve(element)) is not None]
    blocks.reverse()
    if len(blocks) > 1:
        blocks.sort(key=lambda b: (b.get("id") != always_first or always_first is None, -score(b.get("score"))))
    return [(block.find("rule"), block_pairs(block)) for block in blocks]


def block_pairs(block: _Element) -> list[tuple[str, str]]:
    """The (name, value) pairs of one block in document order, references resolved."""
    holder = block
    for child in block.iterchildren("*"):
        if child.tag == "attributes":
            holder = child
        break
    pairs = []
    for element in holder.iterchildren("nvpair"):
        pair = resolve(element)
        if pair is None:
            continue
        name = element.get("name") or pair.get("name")
        value = pair.get("value")
        if name and value is not None:
            pairs.append((name, value))
    return pairs


def apply_blocks(blocks: list[Block], context: Context, table: dict[str, str]) -> None:
    """Add the pairs of all satisfied blocks to the table; names already there are kept, `#default` removes one."""
    for rule, pairs in blocks:
        if rule is not None and not evaluate(rule, context):
            continue
        for name, value in pairs:
            if value[:1] == "#" and value.lower() == "#default":
                table.pop(name, None)
            elif name not in table:
                table[name] = value


def expand(
    parent: _Element, tag: str, context: Context, table: dict[str, str], always_first: str | None = None
) -> None:
    """`sorted_blocks` and `apply_blocks` in one."""
    apply_blocks(sorted_blocks(parent, tag, always_first), context, table)
