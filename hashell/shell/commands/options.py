"""Handlers of the options level."""

from __future__ import annotations

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


def save(session: Session, words: list[str]) -> None:
    session.note(f"options saved in {session.preferences.save()}")


def reset(session: Session, words: list[str]) -> None:
    session.preferences.values.clear()
    session.apply_preferences()
    session.note("every option has its default again; `options save` keeps that")
