"""The one table of what the monitor can do: keys, help, palette and documentation come from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """`action` is the method action_NAME of the monitor, with arguments as Textual writes them."""

    key: str  #: as Textual names it
    action: str
    title: str
    help: str
    group: str
    shown: str = ""  #: how the key is written, when not as it is
    changes: bool = False  #: changes the cluster: not in read-only views and not in the past
    footer: bool = False

    @property
    def label(self) -> str:
        return self.shown or self.key


TABS = (
    ("board", "Board"), ("problems", "Problems"), ("events", "Events"), ("fencing", "Fencing"),
    ("attributes", "Attrs"), ("tickets", "Tickets"), ("constraints", "Graph"), ("ring", "Ring"),
    ("operations", "Ops"),
)  # fmt: skip

COMMANDS: tuple[Command, ...] = (
    *(Command(str(number), f"tab('{name}')", title, f"go to {name}", "Look")
      for number, (name, title) in enumerate(TABS, start=1)),
    Command("enter", "story", "Why", "the story of what is under the cursor", "Look", "Enter", footer=True),
    Command("space", "fold", "Fold", "fold or unfold a group, clone or bundle", "Look", "Space"),
    Command("minus", "fold_all(True)", "Fold all", "fold everything", "Look", "-"),
    Command("plus", "fold_all(False)", "Unfold all", "unfold everything", "Look", "+"),
    Command("p", "next_problem", "Next problem", "jump to the next problem on the board", "Look"),
    Command("exclamation_mark", "only_problems", "Only problems", "show only rows with problems", "Look", "!"),
    Command("slash", "search", "Search", "show only rows with a text", "Look", "/", footer=True),
    Command("escape", "clear_search", "All rows", "end the search", "Look", "Esc"),
    Command("o", "next_cluster", "Next cluster", "go to the next cluster, when there are several", "Look"),
    Command("w", "what_if", "What if", "what happens if this node is lost or this resource fails", "Time", footer=True),
    Command("left_square_bracket", "step(-1)", "Earlier", "the saved policy input before this one", "Time", "[",
            footer=True),
    Command("right_square_bracket", "step(1)", "Later", "the saved policy input after this one", "Time", "]"),
    Command("l", "live", "Now", "back to the present", "Time"),
    Command("m", "move", "Move", "move the resource to another node", "Change", changes=True, footer=True),
    Command("b", "ban", "Ban", "keep the resource away from a node", "Change", changes=True),
    Command("u", "clear", "Clear", "remove the constraints that moves and bans left behind", "Change", changes=True),
    Command("S", "start", "Start", "let the resource run", "Change", changes=True),
    Command("T", "stop", "Stop", "stop the resource", "Change", changes=True),
    Command("P", "promote", "Promote", "promote the resource", "Change", changes=True),
    Command("D", "demote", "Demote", "demote the resource", "Change", changes=True),
    Command("s", "standby", "Standby", "put the node in standby, or back online", "Change", changes=True, footer=True),
    Command("M", "maintenance", "Maintenance", "leave the node, resource or cluster alone, or manage it again",
            "Change", changes=True),
    Command("c", "cleanup", "Clean up", "forget the failures of the resource", "Change", changes=True, footer=True),
    Command("r", "refresh", "Refresh", "forget the history of the resource and probe it again", "Change",
            changes=True),
    Command("f", "fence", "Fence", "fence the node (type its name)", "Change", changes=True),
    Command("z", "undo", "Undo", "take the last action back, where there is a way", "Change", changes=True),
    Command("t", "next_theme", "Theme", "the next theme; `safe` is for every eye, `mono` has no colours", "Monitor"),
    Command("ctrl+p", "command_palette", "Palette", "all commands and themes by name", "Monitor", "Ctrl+p"),
    Command("question_mark", "help", "Help", "this page", "Monitor", "?", footer=True),
    Command("q", "quit", "Quit", "leave the monitor", "Monitor", footer=True),
)  # fmt: skip


def help_lines() -> list[str]:
    """The help page, grouped."""
    lines: list[str] = []
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines.append(group)
        lines += [f"  {c.label:<8} {c.help}" for c in COMMANDS if c.group == group]
        lines.append("")
    return lines[:-1]
