"""The elements the CIB manager builds: replies, notifications, sync copies (daemons specification, 2.3, 2.6, 2.7)."""

from __future__ import annotations

from lxml import etree

from hashell.model.digest import digest_v2
from hashell.model.document import copy_tree, shallow
from hashell.model.version import FEATURE_SET

#: What a sync copy takes over from the request, in this order.
_COPIED = (
    "t",
    "cib_clientid",
    "cib_callopt",
    "cib_callid",
    "cib_op",
    "cib_isreplyto",
    "cib_section",
    "cib_host",
    "cib_rc",
    "cib_delegated_from",
    "cib_update",
    "cib_clientname",
    "cib_user",
    "cib_notify_type",
    "cib_notify_activate",
)

_NOTIFIED = ("cib_op", "cib_clientid", "cib_clientname", "cib_callid", "src")


def wrap(parent: etree._Element, data: etree._Element | None) -> etree._Element:
    """`parent` with `data` inside `<cib_calldata>`; None adds nothing. The data is moved, not copied."""
    if data is not None:
        etree.SubElement(parent, "cib_calldata").append(data)
    return parent


def reply(request: etree._Element, rc: int, output: etree._Element | None) -> etree._Element:
    """`<cib-reply>` to a request, for a client or, with `cib_isreplyto` added, for a peer."""
    element = etree.Element("cib-reply", t="cib")
    for name in ("cib_op", "cib_callid", "cib_clientid"):
        value = request.get(name)
        if value is not None:
            element.set(name, value)
    element.set("cib_callopt", request.get("cib_callopt", "0"))
    element.set("cib_rc", str(int(rc)))
    return wrap(element, output)


def notification(request: etree._Element, rc: int, patch: etree._Element) -> etree._Element:
    """The `cib_diff_notify` event about a request that changed something, or would have."""
    element = etree.Element("notify", t="cib_notify", subt="cib_diff_notify")
    for name in _NOTIFIED:
        value = request.get(name)
        if value is not None:
            element.set(name, value)
    element.set("cib_rc", str(int(rc)))
    etree.SubElement(element, "cib_update_result").append(patch)
    return element


def sync_copy(request: etree._Element, requester: str, cib: etree._Element) -> etree._Element:
    """Our whole CIB as a `cib_replace` that leaves the counters alone, in answer to a sync request."""
    element = etree.Element("copy")
    for name in _COPIED:
        value = request.get(name)
        if value is not None and name != "cib_host":
            element.set(name, value)
    for name, value in (
        ("t", "cib"),
        ("cib_op", "cib_replace"),
        ("cib_isreplyto", requester),
        ("original_cib_op", "cib_sync"),
        ("cib_update", "true"),
        ("crm_feature_set", FEATURE_SET),
        ("digest", digest_v2(cib)),
    ):
        element.set(name, value)
    return wrap(element, copy_tree(cib))


def resync_request(node: str) -> etree._Element:
    """Ask all peers for their CIB."""
    return etree.Element("sync-me", t="cib", cib_op="cib_sync_one", cib_delegated_from=node)


def ping(number: int) -> etree._Element:
    """The primary's question for everybody's digest."""
    return etree.Element("ping", t="cib", cib_op="ping", cib_ping_id=str(number), crm_feature_set=FEATURE_SET)


def ping_response(number: str | None, digest: str, cib: etree._Element) -> etree._Element:
    """The answer to a ping: our digest and the attributes of our root."""
    element = etree.Element("ping_response", crm_feature_set=FEATURE_SET, digest=digest)
    if number is not None:
        element.set("cib_ping_id", number)
    return wrap(element, shallow(cib))


def upgrade_command(request: etree._Element, origin: str) -> etree._Element:
    """The primary's order to all to upgrade, or, with `cib_upgrade_rc` set, its refusal to the origin."""
    element = etree.Element("cib_process_upgrade_server", t="cib", cib_op="cib_upgrade")
    element.set("cib_delegated_from", origin)
    for name in ("cib_clientid", "cib_callopt", "cib_callid"):
        value = request.get(name)
        if value is not None:
            element.set(name, value)
    return element


def exit_notification() -> etree._Element:
    return etree.Element("exit-notification", t="cib", cib_op="cib_shutdown_req")
