"""Colours by meaning, for each theme of the monitor."""

from __future__ import annotations

from rich.style import Style
from textual.theme import Theme

#: Okabe and Ito's colours, which people of all kinds of colour vision tell apart.
SAFE = Theme(
    name="safe", primary="#0072B2", secondary="#56B4E9", accent="#E69F00", warning="#E69F00", error="#D55E00",
    success="#56B4E9", background="#101418", surface="#161b21", panel="#20262e", foreground="#f0f0f0", dark=True,
)  # fmt: skip
NIGHT = Theme(
    name="night", primary="#3b6ea5", secondary="#6fa8dc", accent="#d7ba7d", warning="#d7ba7d", error="#f14c4c",
    success="#6cc26c", background="#0d1117", surface="#151b23", panel="#1c2430", foreground="#d7dde4", dark=True,
)  # fmt: skip
DAY = Theme(
    name="day", primary="#1f5fa8", secondary="#2f7fc8", accent="#8a5a00", warning="#8a5a00", error="#b3261e",
    success="#1b7a34", background="#fafafa", surface="#ffffff", panel="#e8ecf1", foreground="#1b1f24", dark=False,
)  # fmt: skip
MONO = Theme(
    name="mono", primary="#808080", secondary="#a0a0a0", accent="#ffffff", warning="#ffffff", error="#ffffff",
    success="#ffffff", background="#000000", surface="#101010", panel="#303030", foreground="#e0e0e0", dark=True,
)  # fmt: skip
THEMES = (NIGHT, DAY, SAFE, MONO)


def palette(theme: Theme) -> dict[str, Style]:
    """Styles by meaning: ok, warn, bad, dim, head, mark. Bad things are bold, so that they stand out without colour."""
    return {
        "": Style(),
        "ok": Style(color=theme.success),
        "warn": Style(color=theme.warning),
        "bad": Style(color=theme.error, bold=True),
        "loud": Style(color=theme.error, bold=True, reverse=True),
        "dim": Style(color="#6b7280" if theme.dark else "#6f7782"),
        "head": Style(bold=True),
        "mark": Style(color=theme.accent),
    }
