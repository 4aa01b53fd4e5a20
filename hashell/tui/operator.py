"""Carries out what was confirmed in the monitor, each change over a connection of its own."""

from __future__ import annotations

import asyncio
import copy
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hashell.client.changes import Cib
from hashell.client.cluster import Cluster, open_cluster
from hashell.client.diagnostics import Refused
from hashell.client.source import FileSource, Source
from hashell.model.diagnostics import HashellError
from hashell.model.threeway import merge

if TYPE_CHECKING:
    from lxml import etree

#: Seconds that a command of a story may take.
COMMAND_SECONDS = 120.0


@dataclass(frozen=True)
class Order:
    """One action: `verb` of the command table, what it is about, and its argument (a node, 'on', 'off')."""

    verb: str
    subject: str
    argument: str = ""


@dataclass(frozen=True)
class Change:
    """An order that was carried out, with the CIB before and after it: all that it takes to take it back."""

    order: Order
    before: etree._Element
    after: etree._Element


class Operator(Protocol):
    """The changes the monitor can ask for; each raises HashellError with the reason when it is refused."""

    async def carry_out(self, order: Order) -> Change | None:
        """What can be taken back; None where there is no way back."""

    async def take_back(self, change: Change) -> None:
        """Put back what a change made different, as it was before, and leave alone what others did since."""

    async def run(self, command: str) -> str:
        """A command of the shell; its output."""


class ClusterOperator:
    """Changes a live cluster or a CIB file."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def carry_out(self, order: Order) -> Change | None:
        edit = _edit(order)
        cluster = await open_cluster(self._source)
        try:
            if edit is None:
                await _order_daemons(cluster, order)
                return None
            old = await cluster.cib()
            changed = Cib(copy.deepcopy(old))
            edit(changed)
            await cluster.commit(old, changed.root)
            return Change(order, old, changed.root)
        finally:
            await cluster.close()

    async def take_back(self, change: Change) -> None:
        cluster = await open_cluster(self._source)
        try:
            current = await cluster.cib()
            merged = merge(change.after, change.before, current)
            if merged is None:
                what = " ".join(filter(None, (change.order.verb, change.order.subject)))
                raise HashellError(Refused(what=f"taking back {what}", reason="the same was changed again since"))
            await cluster.commit(current, merged)
        finally:
            await cluster.close()

    async def run(self, command: str) -> str:
        environment = dict(os.environ)
        options: list[str] = ["-F"]
        if isinstance(self._source, FileSource):
            environment["CIB_file"] = str(self._source.path)
        elif self._source.settings.embedded:
            options += ["-N", self._source.settings.name]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hashell.cli", *options, *shlex.split(command), env=environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise HashellError(Refused(what=command, reason=f"no end after {COMMAND_SECONDS:.0f} s")) from None
        text = output.decode("utf-8", "replace").strip()
        if process.returncode:
            raise HashellError(Refused(what=command, reason=text or f"exit code {process.returncode}"))
        return text


def _edit(order: Order) -> Callable[[Cib], object] | None:
    """The change of the configuration that an order is; None when the daemons have to do it."""
    subject, argument = order.subject, order.argument
    table: dict[str, Callable[[Cib], object]] = {
        "move": lambda cib: cib.prefer(cib.movable(subject), argument),
        "ban": lambda cib: cib.ban(cib.movable(subject), argument),
        "clear": lambda cib: cib.clear(subject),
        "start": lambda cib: cib.set_target_role(subject, "Started"),
        "stop": lambda cib: cib.set_target_role(subject, "Stopped"),
        "promote": lambda cib: cib.set_promotion(subject, "Promoted"),
        "demote": lambda cib: cib.set_promotion(subject, "Unpromoted"),
        "standby": lambda cib: cib.set_node_attribute(subject, "standby", "on" if argument == "on" else None),
        "maintenance": lambda cib: _maintenance(cib, subject, argument == "on"),
    }
    return table.get(order.verb)


def _maintenance(cib: Cib, subject: str, on: bool) -> None:
    """A node, a resource, or with '' the whole cluster."""
    value = "true" if on else "false"
    if not subject:
        _set_property(cib, "maintenance-mode", value)
    elif subject in cib.nodes():
        cib.set_node_attribute(subject, "maintenance", "on" if on else None)
    else:
        cib.set_meta(subject, "maintenance", value)


def _set_property(cib: Cib, name: str, value: str) -> None:
    from lxml import etree

    section = cib.section("crm_config")
    for pair in section.iter("nvpair"):
        if pair.get("name") == name:
            pair.set("value", value)
            return
    block = section.find("cluster_property_set")
    if block is None:
        block = etree.SubElement(section, "cluster_property_set", id="cib-bootstrap-options")
    etree.SubElement(block, "nvpair", id=f"{block.get('id')}-{name}", name=name, value=value)


async def _order_daemons(cluster: Cluster, order: Order) -> None:
    if order.verb == "cleanup":
        await cluster.cleanup(order.subject)
    elif order.verb == "refresh":
        await cluster.refresh(order.subject)
    elif order.verb == "fence":
        await cluster.fence(order.subject)
    elif order.verb == "confirm":
        await cluster.confirm_fenced(order.subject)
    else:
        raise HashellError(Refused(what=order.verb, reason="it is not known"))
