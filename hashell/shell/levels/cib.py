"""The cib level: shadow CIBs, copies of the configuration to try changes on before they are made real."""

from __future__ import annotations

from hashell.shell.table import Argument, Below, Command, Level

_NAME = Argument("NAME", "shadows")
_OPT = Argument("NAME", "shadows", optional=True)
_WORDS = Argument("OPTION", "", ("withstatus", "force", "empty"), optional=True, repeat=True)


def cib_level() -> Level:
    return Level("cib", "work on copies of the configuration (shadow CIBs)", (
        Command("new", "cib:new", "make a shadow CIB and use it", (_OPT, _WORDS),
                "new [NAME] [withstatus] [force] [empty]\n\nA copy of the configuration; `configure` then changes the "
                "copy only.\nwithstatus copies the state too, so that `commit --plan` can tell what would happen.",
                example="new trial withstatus"),
        Command("use", "cib:use", "work on a shadow CIB, or on the cluster again", (_OPT,), "use [NAME|live]",
                example="use trial"),
        Command("commit", "cib:commit", "make a shadow CIB the configuration of the cluster", (_OPT,), "commit [NAME]",
                changes=True, example="commit trial"),
        Command("diff", "cib:diff", "show how the shadow CIB in use differs from the cluster", (), "diff",
                example="use trial\ndiff"),
        Command("reset", "cib:reset", "copy the cluster's configuration into a shadow CIB again", (_NAME,),
                "reset NAME", example="reset trial"),
        Command("delete", "cib:delete", "delete a shadow CIB", (_NAME,), "delete NAME", example="delete trial"),
        Command("list", "cib:list_", "list shadow CIBs", (), "list", example="list"),
        Command("import", "cib:import_", "make a shadow CIB of a file", (Argument("FILE", "files"), _OPT),
                "import FILE|NUMBER [NAME]\n\nFor instance of a policy engine input: pe-input-12.bz2, or its number.",
                example="import pe-input-1.bz2 yesterday"),
    ), (Below("cibstatus", "cibstatus:cibstatus_level"),), skill="administrator")
