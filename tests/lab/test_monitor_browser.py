"""The monitor in a headless Chromium, where there is one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.tui.browser import Browser, chromium
from tests.tui.test_web import TOKEN, serving


@pytest.mark.lab
@pytest.mark.skipif(not chromium(), reason="there is no Chromium here")
@pytest.mark.timeout(300)
async def test_chromium_shows_the_monitor(tmp_path: Path) -> None:
    async with serving(tmp_path) as address, Browser(tmp_path / "profile") as browser:
        await browser.open(f"{address}?token={TOKEN}")
        async with asyncio.timeout(200):
            while "-first-byte" not in str(await browser.value("document.body.className")):
                await asyncio.sleep(0.5)
            while len(await browser.screenshot()) < 30_000:  # the splash screen is smaller than the board
                await asyncio.sleep(0.5)
