"""Every message type of Pacemaker's daemons, right, and with each field missing, surplus or absurd; and who asks them.

The types come from the daemons' own tables, so that a new one is asked as well, with the sample of its service. Needs
nothing but our package: it runs on lab hosts, too, where it asks the real daemons: `variations.py SERVICE [--alone]`
prints what they answered as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from hashell.model.document_apply import OPERATIONS
from hashell.stack.crmd.routing import Router
from hashell.stack.lrmd.core import Executor
from hashell.stack.settings import NodeSettings
from hashell.stack.stonithd.core import Fencer
from hashell.stack.wire import pcmkframe
from hashell.stack.wire.ipcclient import IpcClient, IpcError

#: Values that no field should have, by what is wrong with them.
ABSURD = {
    "empty": "", "negative": "-1", "huge": "9" * 30, "long": "x" * 3000, "path": "../../etc/passwd", "xpath": "//*[",
    "quotes": "a'\"]<&", "foreign": "ä☃\U0001f4a5", "pattern": "(((", "word": "true",
}  # fmt: skip
SERVICES = ("cib_rw", "cib_ro", "attrd", "crmd", "stonith-ng", "lrmd", "pengine", "pacemakerd")
#: A message with these types does what it says, to the node or to what the administrator has configured.
_HARMFUL = {
    "cib_rw": ("cib_erase", "cib_shutdown_req", "cib_master", "cib_slave", "cib_sync", "cib_sync_one", "cib_replace"),
    "crmd": ("req-shutdown", "do-shutdown", "req_shutdown", "do_shutdown", "rm_node_cache"),
    "pacemakerd": ("quit",),
}
_HARMFUL["cib_ro"] = _HARMFUL["cib_rw"]
_BATCH = 40
#: Seconds. How long the last answers of a batch may take, and the answer to what every daemon answers.
_QUIET, _PATIENCE = 0.3, 60.0
#: Seconds. How long a daemon that has ended may take to be back.
_BACK = 15.0


@dataclass(frozen=True)
class Message:
    """One message; `label` says of which type it is and what is wrong with it."""

    label: str
    text: bytes


def types(service: str) -> list[str]:
    """The message types of a service, from the table that its daemon dispatches by."""
    if service in ("cib_rw", "cib_ro"):
        found = [name for name, _kind in OPERATIONS] + ["cib_notify", "register"]
    elif service == "attrd":
        found = ["update", "update-both", "update-delay", "query", "refresh", "clear-failure", "peer-remove"]
    elif service == "crmd":
        named = [name.removeprefix("_do_") for name in sorted(vars(Router)) if name.startswith("_do_")]
        found = [{"node_info": "node-info", "list_nodes": "list-nodes"}.get(name, name) for name in named]
    elif service == "stonith-ng":
        found = [*Fencer("x")._handlers, "st_notify", "register"]
    elif service == "lrmd":
        found = [*Executor(0.0, "")._handlers, "register"]
    else:
        found = {"pengine": ["pe_calc"], "pacemakerd": ["ping", "rm_node_cache"]}[service]
    return [name for name in found if name not in _HARMFUL.get(service, ())]


def sample(service: str, name: str) -> etree._Element:
    """A message of that type as a client of the original builds it, about things that do not exist."""
    if service in ("cib_rw", "cib_ro"):
        text = _cib_sample(name)
    elif service == "attrd":
        text = (f'<create_attrd_op t="attrd" src="nobody" attr_name="absent" attr_set_type="instance_attributes" '
                f'task="{name}" attr_value="5" attr_dampening="0" attr_host="nowhere" attr_host_id="77" '
                f'attr_is_remote="0" attr_is_private="1"/>')  # fmt: skip
    elif service == "stonith-ng":
        text = _fencer_sample(name)
    elif service == "lrmd":
        text = _executor_sample(name)
    else:
        system = {"crmd": "crmd", "pengine": "pengine", "pacemakerd": "pacemakerd"}[service]
        text = (f'<message origin="nobody" t="{system}" subt="request" version="3.20.0" reference="{name}-1-1-1" '
                f'crm_sys_from="1_nobody" crm_sys_to="{system}" crm_task="{name}"><crm_xml>'
                f"{_DATA.get(name, '')}</crm_xml></message>")  # fmt: skip
    return etree.fromstring(text)


_RSC_OP = (
    '<rsc_op transition-key="1:0:0:xxxxxxxx-xrsc-opxx-xcrm-resourcexxxx" on_node="nowhere"><primitive id="nothing" '
    'class="ocf" provider="pacemaker" type="Dummy"/><attributes crm_feature_set="3.20.0" CRM_meta_timeout="60000"/>'
    "</rsc_op>"
)
_DATA = {
    "hello": '<options major_version="1" minor_version="0" client_name="nobody" client_uuid="1"/>',
    "lrm_invoke": _RSC_OP, "lrm_delete": _RSC_OP, "lrm_fail": _RSC_OP, "clear_failcount": _RSC_OP,
    "probe_again": '<data_for_probe_again on_node="nowhere"/>',
    "pe_calc": '<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0">'
               "<configuration><crm_config/><nodes/><resources/><constraints/></configuration><status/></cib>",
}  # fmt: skip


def _cib_sample(name: str) -> str:
    if name == "register":
        return '<cib_command t="cib" cib_op="register" cib_clientname="nobody" cib_callid="2" cib_callopt="4096"/>'
    if name == "cib_notify":
        return ('<cib-callback t="cib" cib_op="cib_notify" cib_notify_type="cib_diff_notify" '
                'cib_notify_activate="0"/>')  # fmt: skip
    absent = '<rsc_location id="absent" rsc="absent" node="nowhere" score="1"/>'
    data = {
        "cib_apply_diff": '<diff format="2"><version><source admin_epoch="0" epoch="0" num_updates="0"/><target '
                          'admin_epoch="0" epoch="0" num_updates="1"/></version></diff>',
        "cib_commit_transact": '<cib_transaction><cib_command t="cib" cib_op="cib_modify" cib_section="constraints" '
                               f'cib_callid="9" cib_callopt="1024"><cib_calldata>{absent}</cib_calldata></cib_command>'
                               "</cib_transaction>",
    }.get(name, absent)  # fmt: skip
    # 4096 | 512: the answer comes as response, and nothing is changed.
    return (f'<cib_command t="cib" cib_op="{name}" cib_section="constraints" cib_callid="3" cib_callopt="4608">'
            f"<cib_calldata>{data}</cib_calldata></cib_command>")  # fmt: skip


def _fencer_sample(name: str) -> str:
    if name == "register":
        return '<stonith_command t="stonith-ng" st_op="register" st_clientname="nobody"/>'
    if name == "st_notify":
        return '<stonith_set_notification st_op="st_notify" st_notify_deactivate="st_notify_fence"/>'
    data = {
        "st_level_add": '<fencing-level id="1" index="1" target="nowhere" devices="absent"/>',
        "st_level_remove": '<fencing-level target="nowhere" index="1"/>',
        "st_device_remove": '<st_device_id st_origin="nobody" id="absent"/>',
        "st_device_register": '<st_device_id id="absent" st_origin="nobody" agent="" namespace="stonith-ng"/>',
        "st_fence_history": '<stonith_api_history st_target="nowhere"/>',
    }.get(name, '<st_device_id st_origin="nobody" st_device_id="absent" st_target="nowhere" '
                'st_device_action="frobnicate" st_timeout="1" st_tolerance="0" st_delay="0"/>')  # fmt: skip
    return (f'<stonith_command t="stonith-ng" st_op="{name}" st_callid="2" st_callopt="4098" st_timeout="1">'
            f"<st_calldata>{data}</st_calldata></stonith_command>")  # fmt: skip


def _executor_sample(name: str) -> str:
    if name == "register":
        return '<lrmd_command t="lrmd" lrmd_op="register" lrmd_clientname="nobody" lrmd_protocol_version="1.2"/>'
    if name == "lrmd_alert_exec":
        data = '<lrmd_alert lrmd_alert_id="absent" lrmd_alert_path="absent" lrmd_timeout="1000"/>'
    elif name == "lrmd_rsc_register":
        data = '<lrmd_rsc lrmd_rsc_id="absent" lrmd_class="ocf" lrmd_provider="pacemaker" lrmd_type=""/>'
    else:
        data = ('<lrmd_rsc lrmd_origin="nobody" lrmd_rsc_id="unknown" lrmd_rsc_action="monitor" lrmd_rsc_interval="0" '
                'lrmd_timeout="1000" lrmd_rsc_start_delay="0" lrmd_rsc_userdata_str="1:0:0:x"><attributes fake="1"/>'
                "</lrmd_rsc>")  # fmt: skip
    return (f'<lrmd_command t="lrmd" lrmd_op="{name}" lrmd_callid="1" lrmd_callopt="0" lrmd_timeout="1000">'
            f"<lrmd_calldata>{data}</lrmd_calldata></lrmd_command>")  # fmt: skip


#: Fields that make a message what it is: another value is another message, and an option taken away does harm.
_KEPT = {
    "cib_rw": ("cib_callopt",), "cib_ro": ("cib_callopt",), "crmd": ("crm_host_to",),
    "stonith-ng": ("st_device_action", "agent"), "lrmd": ("lrmd_type", "lrmd_alert_path"),
}  # fmt: skip


def variations(service: str, name: str) -> Iterator[Message]:
    """The message as it should be, then with one thing wrong at a time."""
    right = sample(service, name)
    yield Message(f"{name}: right", etree.tostring(right))
    kept = _KEPT.get(service, ())
    for number, element in enumerate(right.iter()):
        for field in map(str, element.attrib):
            if field in kept:
                continue
            where = f"{name}: {element.tag} {field}"
            yield _changed(right, f"{where} missing", number, field, None)
            for word, value in ABSURD.items():
                yield _changed(right, f"{where} {word}", number, field, value)
        if element is not right:
            wrong = copy.deepcopy(right)
            gone = list(wrong.iter())[number]
            parent = gone.getparent()
            assert parent is not None
            parent.remove(gone)
            yield Message(f"{name}: {element.tag} missing", etree.tostring(wrong))
        yield _with_child(right, f"{name}: {element.tag} with a stranger", number, "<stranger a='1'>b<c/></stranger>")
    yield _changed(right, f"{name}: surplus field", 0, "surplus", "1")
    yield Message(f"{name}: another tag", re.sub(rb"^<[\w-]+|[\w-]+>$", _renamed, etree.tostring(right)))


def _renamed(match: re.Match[bytes]) -> bytes:
    return b"<other" if match[0].startswith(b"<") else b"other>"


def _changed(right: etree._Element, label: str, number: int, field: str, value: str | None) -> Message:
    wrong = copy.deepcopy(right)
    element = list(wrong.iter())[number]
    if value is None:
        del element.attrib[field]
    else:
        element.set(field, value)
    return Message(label, etree.tostring(wrong))


def _with_child(right: etree._Element, label: str, number: int, text: str) -> Message:
    wrong = copy.deepcopy(right)
    list(wrong.iter())[number].insert(0, etree.fromstring(text))
    return Message(label, etree.tostring(wrong))


def unreadable(service: str) -> Iterator[Message]:
    """Texts that are no XML, or XML that no client sends."""
    right = etree.tostring(sample(service, types(service)[0]))
    head = right[: right.index(b" ")]
    yield Message("nothing", b"")
    yield Message("no XML", b"hello")
    yield Message("cut off", right[: len(right) // 2])
    yield Message("two roots", right + right)
    yield Message("NUL inside", right[:10] + b"\0" + right[10:])
    yield Message("not UTF-8", right.replace(head, head + b" x='\xff\xfe'", 1))
    yield Message("control characters", right.replace(head, head + b" x='\x01\x02'", 1))
    yield Message("unknown entity", right.replace(head, head + b" x='&none;'", 1))
    yield Message("an attribute twice", right.replace(head, head + b" y='1' y='2'", 1))
    yield Message("deep", b"<a>" * 2000 + b"</a>" * 2000)
    yield Message("entity bomb", _bomb(right))
    outside = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    yield Message("external entity", outside + right.replace(head, head + b" x='&e;'", 1))


def _bomb(right: bytes) -> bytes:
    lines = [b'<!ENTITY e0 "0123456789">']
    lines += [b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 10)]
    head = right[: right.index(b" ")]
    return b"<!DOCTYPE a [" + b"".join(lines) + b"]>" + right.replace(head, head + b" x='&e9;'", 1)


def messages(service: str) -> list[Message]:
    """All of a service: its types, one that it does not have, and what cannot be read.

    `cib_ro` is the same daemon as `cib_rw` and differs only in what it permits.
    """
    if service == "cib_ro":
        return [Message(f"{name}: right", etree.tostring(sample(service, name))) for name in types(service)]
    found = [one for name in types(service) for one in variations(service, name)]
    return [*found, Message("unknown type", etree.tostring(sample(service, "no-such"))), *unreadable(service)]


def verdict(service: str, answer: bytes | None) -> str:
    """What a response says, in a word and a code; '' when there was none."""
    if answer is None:
        return ""
    try:
        element = etree.fromstring(pcmkframe.decode(answer).text)
    except (pcmkframe.FrameError, etree.XMLSyntaxError) as error:
        return f"unreadable: {error}"
    get = element.get
    if element.tag in ("ack", "nack"):
        return f"{element.tag} {get('status')}"
    if get("op-status") is not None:
        return f"fencer {get('op-status')} {get('rc-code')}"
    if get("lrmd_rc") is not None:
        return f"executor {get('lrmd_rc') if int(get('lrmd_rc', '0')) <= 0 else 'call'}"
    if get("cib_rc") is not None:
        return f"cib {get('cib_rc')}"
    return get("cib_op") or get("st_op") or get("subt") or element.tag


class Asker(IpcClient):
    """Sends many requests without waiting, and keeps each response by the number of its request."""

    def __init__(self, settings: NodeSettings, service: str) -> None:
        super().__init__(settings.ipc_name(service), max_message=524288)
        self.service = service
        self.answers: dict[int, bytes] = {}
        self.number = 0

    def _response(self, message: bytes) -> None:
        self.answers[int.from_bytes(message[:4], "little", signed=True)] = message

    def put(self, text: bytes) -> int:
        """Send one text as a request that wants a response; its number."""
        self.number += 1
        self.send(pcmkframe.encode(self.number, pcmkframe.CLIENT_RESPONSE, text, 524288))
        return self.number

    async def settle(self, numbers: list[int]) -> None:
        """Wait until a request that every daemon answers has been answered, and until no more comes.

        The original's CIB manager answers what went through the group with the number of the newest request, so that
        one which stands alone is waited for first.
        """
        patience = time.monotonic() + _QUIET
        while len(numbers) == 1 and numbers[0] not in self.answers and time.monotonic() < patience:
            await asyncio.sleep(0.005)
            self._drain_responses()
        last = self.put(_good(self.service))
        deadline = time.monotonic() + _PATIENCE
        before = -1
        while self.connected and time.monotonic() < deadline:
            self._drain_responses()
            if all(number in self.answers for number in [*numbers, last]):
                return
            if last in self.answers and before == len(self.answers):
                return
            before = len(self.answers) if last in self.answers else -1
            await asyncio.sleep(_QUIET if last in self.answers else 0.005)


def _good(service: str) -> bytes:
    known = {"attrd": "query", "crmd": "ping", "pengine": "pe_calc", "pacemakerd": "rm_node_cache"}
    return etree.tostring(sample(service, known.get(service, "register")))


def compared(label: str) -> bool:
    """Whether the original is asked as well: absurd values end more than one of its daemons."""
    return label.endswith((" missing", "right", "surplus field")) or ":" not in label


async def ask_all(
    settings: NodeSettings, service: str, *, alone: bool = False, every: int = 1
) -> dict[str, str]:
    """Send every message of a service; label to verdict, which is `lost` where the connection was ended.

    With `alone` only what is compared, and each on a connection of its own: for daemons that may die of it. `every`
    leaves out all but every nth.
    """
    found: dict[str, str] = {}
    asked = [one for one in messages(service) if compared(one.label) or not alone][::every]
    # Without a call id of its own a request cannot be told from the others of its client.
    nameless = [one for one in asked if one.label.endswith("cib_callid missing")]
    asked = [one for one in asked if one not in nameless]
    batch = 1 if alone else _BATCH
    for part in [*([one] for one in nameless), *(asked[n : n + batch] for n in range(0, len(asked), batch))]:
        answers = await _ask(settings, service, part)
        if answers is None:
            for one in part if len(part) > 1 else ():
                again = await _ask(settings, service, [one])
                found[one.label] = "lost" if again is None else again[one.label]
            if len(part) == 1:
                found[part[0].label] = "lost"
        else:
            found |= answers
    return found


async def _ask(settings: NodeSettings, service: str, part: list[Message]) -> dict[str, str] | None:
    """Verdicts of some messages on a connection of their own; None when it was ended."""
    asker = Asker(settings, service)
    try:
        await asker.connect(wait=_BACK)
    except IpcError:
        return None
    numbers: list[int] = []
    with contextlib.suppress(OSError):
        # What goes through the group is answered by its call id: of several that wait each needs its own.
        texts = [one.text.replace(b'cib_callid="3"', b'cib_callid="%d"' % n) for n, one in enumerate(part, 3)]
        numbers = [asker.put(text) for text in texts]
        await asker.settle(numbers)
    alive = asker.connected and len(numbers) == len(part)
    await asker.close()
    if not alive:
        return None
    return {one.label: verdict(service, asker.answers.get(n)) for one, n in zip(part, numbers, strict=True)}


#: Where ours answers otherwise than the original on purpose: patterns of service, label, what the original says and
#: what ours says, and why. Empty strings are no answer.
_TOLD = "whoever waits is told, where the original lets it wait until its time is over"
_STRICT = "what could never work is refused at once"
DIFFERENT: tuple[tuple[str, str, str, str, str], ...] = (
    (".*", "deep", "n?ack 76|", ".*", "the original reads 256 levels; ours reads more and finds no request in them"),
    ("cib_r[ow]", "cib_ismaster: .*", "cib (-1|0)", "cib (-1|0)", "chance decides which node is the DC"),
    ("cib_rw", "cib_create: rsc_location id missing", "cib -203", "cib -17", "any that is there is taken for it"),
    ("cib_r[ow]", "unknown type", "", "cib -95", _TOLD),
    ("attrd", ".*task missing|unknown type", "", "ack 2", _TOLD),
    ("attrd", "query: .* attr_name missing", "", "query", _TOLD),
    ("cib_rw", "cib_create: rsc_location (rsc|node|score) missing", "cib -203", "cib 0",
     "our CIB manager checks names, ids and references; what has to stand together the shell checks before a commit"),
    ("cib_rw", "cib_apply_diff: (cib_calldata|diff) missing", "cib 0", "cib -22", f"no patch: {_STRICT}"),
    ("cib_rw", "cib_apply_diff: source( epoch)? missing", "cib 0", "cib -205", f"a patch from nowhere: {_STRICT}"),
    ("cib_rw", "cib_apply_diff: diff format missing", "cib -22", "cib -217", "the code says what is wrong"),
    ("cib_r[ow]", "cib_upgrade: .*", "", "cib -211", _TOLD),
    ("lrmd", "[^:]*", "", "ack 76", _TOLD),
    ("stonith-ng", ".* st_op missing", "", "fencer 9 76", _TOLD),
    ("lrmd", "lrmd_rsc_metadata: .*", "executor -95", "executor -22", "a request that only ours has"),
    ("lrmd", "lrmd_rsc_register: .*", "executor 0", "executor -22", f"no class or type: {_STRICT}"),
    ("lrmd", "lrmd_rsc_cancel: .* lrmd_rsc_action missing", "executor -22", "executor -19", "no such resource, either"),
    ("lrmd", "lrmd_alert_exec: .*", "executor 0", "executor -22", f"no absolute path: {_STRICT}"),
    ("stonith-ng", "st_fence: .*", "fencer 10 1", "fencer 9 2", f"no action of fencing: {_STRICT}"),
    ("stonith-ng", "st_device_register: .*", "fencer 0 0", "fencer 9 2", f"no agent: {_STRICT}"),
    ("stonith-ng", "st_device_register: .*", "fencer 4 1", "fencer 9 2", "no device: invalid rather than failed"),
    ("stonith-ng", "st_level_add: fencing-level devices missing", "fencer 0 0", "fencer 9 2", f"no devices: {_STRICT}"),
    ("stonith-ng", "st_level_remove: .* target missing", "fencer 0 0", "fencer 9 2", f"no target: {_STRICT}"),
    ("stonith-ng", "st_level_add: fencing-level id missing", "fencer 9 2", "fencer 0 0", "nothing needs the id"),
)  # fmt: skip


#: Labels of messages after which the original hangs up, by service: who does not introduce itself as it should.
_ENDED = {"crmd": r"hello: (crm_xml|options) "}


def differences(service: str, ours: dict[str, str], theirs: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Labels whose verdicts differ for no reason that is known: what theirs and what ours says.

    Ours ends no connection, also where theirs ended with its daemon, but where the original does so on purpose.
    """
    ended = [label for label, said in ours.items() if said == "lost" and not re.match(_ENDED.get(service, "-"), label)]
    found = {label: (theirs.get(label, "not asked"), "lost") for label in ended}
    for label, said in ours.items():
        other = theirs.get(label, "not asked")
        if compared(label) and other not in (said, "lost") and not _on_purpose(service, label, other, said):
            found[label] = (other, said)
    return found


def _on_purpose(service: str, label: str, theirs: str, ours: str) -> bool:
    return any(
        re.fullmatch(where, service) and re.fullmatch(pattern, label)
        and re.fullmatch(first, theirs) and re.fullmatch(second, ours)
        for where, pattern, first, second, _why in DIFFERENT
    )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask_all(NodeSettings(), sys.argv[1], alone="--alone" in sys.argv))))
