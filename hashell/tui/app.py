"""`hashell monitor`: the live cluster in a terminal, problems first, with the few actions one needs at night."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Protocol

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static, TabbedContent, TabPane

from hashell.client.board import Board, NodeView, ResourceView
from hashell.model.diagnostics import HashellError
from hashell.tui.dialogs import Choose, Confirm, Details, Help
from hashell.tui.feed import BoardSource, Feed
from hashell.tui.tables import KeyedTable, failure_rows, fencing_rows, node_rows, resource_rows


class Operator(Protocol):
    """The changes the monitor can ask for; each raises HashellError with the reason when it is refused."""

    async def move(self, resource: str, node: str) -> None: ...

    async def clear(self, resource: str) -> None: ...

    async def standby(self, node: str, on: bool) -> None: ...

    async def cleanup(self, resource: str) -> None: ...


class Monitor(App[int]):
    """The monitor over one cluster. `connect` opens the source, `operator` carries out what was confirmed."""

    TITLE = "hashell monitor"
    CSS = """
    #summary { height: auto; padding: 0 1; background: $primary-background; }
    #problems { height: auto; max-height: 6; padding: 0 1; }
    #nodes { height: auto; max-height: 12; margin-bottom: 1; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    """
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("question_mark", "help", "Help"),
        Binding("enter", "details", "Details", show=False),
        Binding("m", "move", "Move"),
        Binding("u", "clear", "Undo move"),
        Binding("s", "standby", "Standby/online"),
        Binding("c", "cleanup", "Clean up"),
        Binding("1", "tab('resources')", "Resources", show=False),
        Binding("2", "tab('failures')", "Failures", show=False),
        Binding("3", "tab('fencing')", "Fencing", show=False),
        Binding("n", "focus_nodes", "Nodes", show=False),
    ]
    KEYS: ClassVar[list[tuple[str, str]]] = [
        ("n", "go to the nodes"),
        ("1 2 3", "resources, failed operations, fencing history"),
        ("Enter", "details of the row"),
        ("m", "move the resource to another node"),
        ("u", "remove the constraints that a move left behind"),
        ("s", "put the node in standby, or back online"),
        ("c", "clean up the failures of the resource"),
        ("Ctrl+p", "command palette and themes"),
        ("q", "quit"),
    ]

    def __init__(self, connect: Callable[[], Awaitable[BoardSource]], operator: Operator, name: str = "") -> None:
        super().__init__()
        self._operator = operator
        self._source_name = name
        self._trouble = "connecting"
        self.board = Board()
        self.feed = Feed(connect, self._board_came, self._state_came)

    def compose(self) -> ComposeResult:
        yield Static(id="summary")
        yield Static(id="problems")
        yield KeyedTable(("Node", "State", "", "Running"), "nodes")
        with TabbedContent(initial="resources"):
            with TabPane("Resources", id="resources"):
                yield KeyedTable(("Resource", "State", "Node", "Marks", "Agent"), "resource-table")
            with TabPane("Failed operations", id="failures"):
                yield KeyedTable(("Resource", "Node", "Operation", "Result", "Reason", "When"), "failure-table")
            with TabPane("Fencing", id="fencing"):
                yield KeyedTable(("When", "Target", "Action", "Result", "By", "Asked by", "Reason"), "fencing-table")
        yield Footer()

    def on_mount(self) -> None:
        self._draw()
        self.run_worker(self.feed.run(), exclusive=True, group="feed")
        self.set_interval(1.0, self._draw_summary)
        self.query_one("#resource-table").focus()

    # -- data ---------------------------------------------------------------------------------------------

    def _board_came(self, board: Board) -> None:
        self.board, self._trouble = board, ""
        self._draw()

    def _state_came(self, trouble: str) -> None:
        self._trouble = trouble
        self._draw_summary()

    def _draw(self) -> None:
        self._draw_summary()
        self._table("nodes").show(node_rows(self.board))
        self._table("resource-table").show(resource_rows(self.board))
        self._table("failure-table").show(failure_rows(self.board))
        self._table("fencing-table").show(fencing_rows(self.board))

    def _table(self, table_id: str) -> KeyedTable:
        return self.query_one(f"#{table_id}", KeyedTable)

    def _draw_summary(self) -> None:
        board = self.board
        line = Text(board.cluster_name or self._source_name or "cluster", style="bold")
        line.append(f"   DC {board.dc or 'none'}", style="" if board.dc else "bold red")
        line.append("   quorum yes" if board.have_quorum else "   quorum NO", "" if board.have_quorum else "bold red")
        online = sum(node.state == "online" for node in board.nodes)
        line.append(f"   nodes {online}/{len(board.nodes)} online")
        if board.maintenance:
            line.append("   MAINTENANCE", style="bold blue")
        if self._trouble:
            line.append(f"   STALE {self.feed.age:.0f} s", style="bold red reverse")
        self.query_one("#summary", Static).update(line)
        lines = ([self._trouble] if self._trouble else []) + board.problems
        self.query_one("#problems", Static).update(
            Text("\n".join(f"! {p}" for p in lines[:5]) + (f"\n… and {len(lines) - 5} more" if len(lines) > 5 else ""),
                 style="red")
            if lines else Text("no problems", style="green")
        )  # fmt: skip

    # -- selection ----------------------------------------------------------------------------------------

    def _resource(self) -> ResourceView | None:
        key = self._table("resource-table").selected
        return next((r for r in self.board.resources if r.key == key), None)

    def _node(self) -> NodeView | None:
        name = self._table("nodes").selected
        return next((n for n in self.board.nodes if n.name == name), None)

    def action_tab(self, tab: str) -> None:
        self.query_one(TabbedContent).active = tab
        self._table(tab.removesuffix("s") + "-table").focus()

    def action_focus_nodes(self) -> None:
        self._table("nodes").focus()

    def action_help(self) -> None:
        self.push_screen(Help(self.KEYS))

    def on_data_table_row_selected(self) -> None:
        self.action_details()

    def action_details(self) -> None:
        if self._table("nodes").has_focus and (node := self._node()):
            here = [r.id for r in self.board.resources if node.name in r.nodes and r.kind == "primitive"]
            rows = [("state", node.state), ("id", node.id), ("DC", "yes" if node.dc else ""), ("runs", " ".join(here))]
            self.push_screen(Details(f"node {node.name}", rows))
        elif self._table("resource-table").has_focus and (resource := self._resource()):
            failures = [f"{f.operation} on {f.node}: {f.rc_text} {f.reason}" for f in self.board.failures
                        if f.resource == resource.id]
            rows = [
                ("agent", resource.agent), ("role", resource.role), ("node", " ".join(resource.nodes)),
                ("target-role", resource.target_role), ("marks", ", ".join(resource.flags())),
                ("failures", "; ".join(failures)),
            ]  # fmt: skip
            self.push_screen(Details(f"{resource.kind} {resource.id}", rows))

    # -- actions ------------------------------------------------------------------------------------------

    def action_move(self) -> None:
        resource = self._movable()
        if resource is None:
            self.notify("select a resource first", severity="warning")
            return
        targets = [(n.name, n.name) for n in self.board.nodes if n.state == "online" and n.name not in resource.nodes]
        if not targets:
            self.notify(f"no other online node can take {resource.id}", severity="warning")
            return

        def chosen(node: str | None) -> None:
            if node:
                self._confirm(
                    f"Move {resource.id} to {node}?", "A constraint keeps it there until it is undone with u.",
                    f"{resource.id} moves to {node}", lambda: self._operator.move(resource.id, node),
                )  # fmt: skip

        self.push_screen(Choose(f"Move {resource.id} to which node?", targets), chosen)

    def _movable(self) -> ResourceView | None:
        """The top-level resource of the selected row: members move with their group."""
        selected = self._resource()
        if selected is None or selected.depth == 0:
            return selected
        index = self.board.resources.index(selected)
        return next((r for r in reversed(self.board.resources[:index]) if r.depth == 0), selected)

    def action_clear(self) -> None:
        if resource := self._movable():
            self._confirm(
                f"Remove the move and ban constraints of {resource.id}?", "It may move back.",
                f"constraints of {resource.id} removed", lambda: self._operator.clear(resource.id),
            )  # fmt: skip

    def action_standby(self) -> None:
        node = self._node()
        if node is None:
            self.notify("select a node first (n)", severity="warning")
            return
        on = node.state != "standby"
        question = f"Put {node.name} in standby?" if on else f"Bring {node.name} back online?"
        effect = f"{node.running} resource(s) leave it." if on else "It may take resources again."
        self._confirm(
            question, effect, f"{node.name}: {'standby' if on else 'online'}",
            lambda: self._operator.standby(node.name, on),
        )  # fmt: skip

    def action_cleanup(self) -> None:
        if resource := self._resource():
            self._confirm(
                f"Clean up the failures of {resource.id}?", "Its state is probed again.",
                f"{resource.id} cleaned up", lambda: self._operator.cleanup(resource.id),
            )  # fmt: skip

    def _confirm(self, question: str, effect: str, done: str, act: Callable[[], Awaitable[None]]) -> None:
        async def carry_out() -> None:
            try:
                await act()
            except HashellError as error:
                self.notify(str(error), severity="error", timeout=10)
            else:
                self.notify(done)

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(carry_out())

        self.push_screen(Confirm(question, effect), answered)
