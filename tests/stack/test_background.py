"""Background work is held, cancelled as a whole, and its failure is told."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from hashell.stack.background import BackgroundTasks


async def test_work_is_held_until_it_is_done() -> None:
    done = asyncio.Event()
    tasks = BackgroundTasks()

    async def work() -> None:
        await asyncio.sleep(0)
        gc.collect()
        done.set()

    tasks.start(work())
    gc.collect()
    await asyncio.wait_for(done.wait(), 10)
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_a_failure_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    told = asyncio.Event()
    tasks = BackgroundTasks(told.set)

    async def fails() -> None:
        raise ZeroDivisionError("a test")

    with caplog.at_level(logging.CRITICAL):
        tasks.start(fails())
        await asyncio.wait_for(told.wait(), 10)
    assert "fails" in caplog.text and "a test" in caplog.text


async def test_cancelling_ends_everything_and_tells_nothing() -> None:
    told = asyncio.Event()
    tasks = BackgroundTasks(told.set)
    ended: list[int] = []

    async def waits(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)
            if number == 2:
                raise ZeroDivisionError

    for number in (1, 2, 3):
        tasks.start(waits(number))
    await asyncio.sleep(0)
    await tasks.cancel()
    assert ended == [1, 2, 3] and len(tasks) == 0 and not told.is_set()
