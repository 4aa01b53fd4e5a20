"""A systemd for tests: its bus name and the few methods that the class `systemd` calls, on a private message bus.

    python -m tests.ra.fakesystemd ADDRESS

Units are named after what they do: `good`, `bad` (start fails), `slow` (is activating for ever), `stuck` (stops never),
`masked`, `refused` (no permission); anything else is not found.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from dbus_next.aio import MessageBus
from dbus_next.constants import MessageType
from dbus_next.message import Message
from dbus_next.signature import Variant

SERVICE = "org.freedesktop.systemd1"
MANAGER = f"{SERVICE}.Manager"
KNOWN = ("good", "bad", "slow", "stuck", "masked", "refused")


class FakeSystemd:
    def __init__(self, bus: Any) -> None:
        self.bus = bus
        self.states = dict.fromkeys(KNOWN, "inactive")
        self.reloads = self.number = 0
        self.subscribed = False

    def handle(self, message: Any) -> Any:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.interface == "org.freedesktop.DBus.Properties":
            return self.get(message)
        handler = getattr(self, f"do_{message.member.lower()}", None)
        if message.interface != MANAGER or handler is None:
            return None
        return handler(message)

    def get(self, message: Any) -> Any:
        interface, name = message.body
        unit = message.path.rpartition("/")[2].replace("_2eservice", "")
        if interface.endswith(".Job"):
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownObject", "no such job")
        values = {
            "ActiveState": self.states.get(unit, "inactive"),
            "LoadState": "masked" if unit == "masked" else "loaded" if unit in KNOWN else "not-found",
            "Result": "exit-code" if self.states.get(unit) == "failed" else "success",
            "Description": f"The unit {unit}",
            "CanReload": unit == "good",
        }
        value = values[name]
        return Message.new_method_return(message, "v", [Variant("b" if isinstance(value, bool) else "s", value)])

    def do_subscribe(self, message: Any) -> Any:
        self.subscribed = True
        return Message.new_method_return(message)

    def do_reload(self, message: Any) -> Any:
        self.reloads += 1
        return Message.new_method_return(message)

    def do_loadunit(self, message: Any) -> Any:
        path = "/org/freedesktop/systemd1/unit/" + message.body[0].replace(".", "_2e")
        return Message.new_method_return(message, "o", [path])

    def do_startunit(self, message: Any) -> Any:
        unit = message.body[0].removesuffix(".service")
        if unit == "masked":
            return Message.new_error(message, f"{SERVICE}.UnitMasked", "Unit masked.service is masked.")
        if unit == "refused":
            return Message.new_error(message, "org.freedesktop.DBus.Error.AccessDenied", "Permission denied")
        if unit not in KNOWN:
            return Message.new_error(message, f"{SERVICE}.NoSuchUnit", "Unit not found.")
        return self.job(message, unit, {"bad": "failed", "slow": "activating"}.get(unit, "active"))

    do_restartunit = do_startunit
    do_reloadunit = do_startunit

    def do_stopunit(self, message: Any) -> Any:
        unit = message.body[0].removesuffix(".service")
        if unit not in KNOWN:
            return Message.new_error(message, f"{SERVICE}.NoSuchUnit", "Unit not loaded.")
        return self.job(message, unit, "deactivating" if unit == "stuck" else "inactive")

    def job(self, message: Any, unit: str, state: str) -> Any:
        self.number += 1
        path = f"/org/freedesktop/systemd1/job/{self.number}"
        self.states[unit] = state
        if state not in ("activating", "deactivating") and self.subscribed:
            result = "failed" if state == "failed" else "done"
            body = [self.number, path, f"{unit}.service", result]
            signal = Message.new_signal("/org/freedesktop/systemd1", MANAGER, "JobRemoved", "uoss", body)
            asyncio.get_running_loop().call_soon(self.bus.send, signal)
        return Message.new_method_return(message, "o", [path])


async def main(address: str) -> None:
    bus = await MessageBus(bus_address=address).connect()
    bus.add_message_handler(FakeSystemd(bus).handle)
    await bus.request_name(SERVICE)
    print("ready", flush=True)
    await bus.wait_for_disconnect()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
