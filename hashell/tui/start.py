"""Opens what the options name and runs the monitor over it."""

from __future__ import annotations

import argparse
from pathlib import Path

from hashell.client.source import FileSource, find_source
from hashell.tui.app import Monitor
from hashell.tui.main import check_reachable
from hashell.tui.sources import Watched, watched_folder, watched_source, watched_word


def watched_by(options: argparse.Namespace) -> list[Watched]:
    """What the options name. Raises HashellError when something of it cannot be opened."""
    if options.cluster:
        return [watched_word(word) for word in options.cluster]
    if options.inputs:
        return [watched_folder(Path(options.inputs))]
    source = FileSource(Path(options.file)) if options.file else find_source(node=options.node)
    return [watched_source(source)]


def build(options: argparse.Namespace) -> Monitor:
    """The monitor; the first source has to be reachable, others are waited for."""
    watched = watched_by(options)
    if len(watched) == 1 and watched[0].source is not None:
        check_reachable(watched[0].source)
    return Monitor(watched, read_only=options.read_only, theme=options.theme)


def watch(options: argparse.Namespace) -> int:
    return build(options).run() or 0
