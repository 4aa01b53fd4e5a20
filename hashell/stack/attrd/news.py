"""What the writer of attributes has alert agents told of (daemons specification, section 6.6). Pure."""

from __future__ import annotations

from hashell.model.alerts import ATTRIBUTE, AlertEvent
from hashell.stack.attrd.attributes import Attribute
from hashell.stack.attrd.effects import TellAlerts
from hashell.stack.effects import Effect


def news(attribute: Attribute) -> list[Effect]:
    """The values that changed since it was last asked."""
    effects: list[Effect] = []
    for value in attribute.values.values():
        if value.untold:
            value.untold = False
            told = {"node": value.host, "attribute_name": attribute.name, "attribute_value": value.text or ""}
            effects.append(TellAlerts(AlertEvent(ATTRIBUTE, {**told, "nodeid": value.node_id})))
    return effects
