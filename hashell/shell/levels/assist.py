"""The assist level below configure: help with larger changes."""

from __future__ import annotations

from hashell.shell.table import Argument, Command, Level

_RSCS = Argument("RESOURCE", "primitives", repeat=True)


def assist_level() -> Level:
    return Level("assist", "help with larger changes of the configuration", (
        Command("template", "assist:template", "make a template of what primitives have in common", (_RSCS,),
                "template RESOURCE RESOURCE…\n\nParameters, meta attributes and operations that are equal in all of "
                "them move into a new rsc_template.", example="template ip log"),
        Command("weak-bond", "assist:weak_bond", "keep resources together without making one depend on another",
                (_RSCS,), "weak-bond RESOURCE RESOURCE…\n\nCreates a dummy resource and a colocation with it. A "
                "failure of one resource moves all, but\nnone of them waits for another.", ("weak_bond",),
                example="weak-bond web cache"),
    ))
