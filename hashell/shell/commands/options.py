"""Handlers of the options level."""

from __future__ import annotations

from collections.abc import Callable

from hashell.shell.preferences import PREFERENCES, known
from hashell.shell.session import Session


def show(session: Session, words: list[str]) -> None:
    preferences = session.preferences
    if words and words[0] != "all":
        session.out(preferences.get(known(words[0]).name))
        return
    names = [n for n in PREFERENCES if words or preferences.get(n) != PREFERENCES[n].default]
    for name in names:
        session.out(f"{name} = {preferences.get(name)}" + (f"    # {PREFERENCES[name].about}" if words else ""))
    if not names:
        session.note("every option has its default; `options show all` lists them")


def set_(session: Session, words: list[str]) -> None:
    session.preferences.set(words[0], words[1])
    session.apply_preferences()


def _single(name: str) -> Callable[[Session, list[str]], None]:
    """The handler of a command that sets one option."""
    def handler(session: Session, words: list[str]) -> None:
        set_(session, [name, words[0]])

    return handler


set_add_quotes = _single("core.add_quotes")
set_check_frequency = _single("core.check_frequency")
set_check_mode = _single("core.check_mode")
set_colorscheme = _single("color.scheme")
set_editor = _single("core.editor")
set_manage_children = _single("core.manage_children")
set_output = _single("color.style")
set_pager = _single("core.pager")
set_skill_level = _single("core.skill_level")
set_sort_elements = _single("core.sort_elements")
set_user = _single("core.user")
set_wait = _single("core.wait")


def save(session: Session, words: list[str]) -> None:
    session.note(f"options saved in {session.preferences.save()}")


def reset(session: Session, words: list[str]) -> None:
    session.preferences.values.clear()
    session.apply_preferences()
    session.note("every option has its default again; `options save` keeps that")
