"""What the parts of the monitor share: the clusters, the widgets, what is under the cursor."""

from __future__ import annotations

from rich.style import Style
from textual.app import App
from textual.widgets import TabbedContent

from hashell.client.board import NodeView, ResourceView
from hashell.tui.feed import Feed
from hashell.tui.grid import Grid, Row
from hashell.tui.view import ClusterView


class MonitorBase(App[int]):
    """State and small questions; drawing is in `app`, actions are in `changing` and `looking`."""

    views: list[ClusterView]
    feeds: list[Feed]
    current: int = 0
    read_only: bool = False
    busy: str = ""  #: what is being computed
    styles_by_word: dict[str, Style]

    @property
    def view(self) -> ClusterView:
        return self.views[self.current]

    def draw(self) -> None:
        raise NotImplementedError

    def draw_header(self) -> None:
        raise NotImplementedError

    def board_grid(self, index: int | None = None) -> Grid:
        return self.query_one(f"#board-{self.current if index is None else index}", Grid)

    @property
    def tab(self) -> str:
        return str(self.query_one(TabbedContent).active)

    def grid(self) -> Grid:
        """The table of the open tab."""
        return self.board_grid() if self.tab == "board" else self.query_one(f"#{self.tab}-grid", Grid)

    def under_cursor(self) -> Row | None:
        return self.grid().row

    def resource_here(self) -> ResourceView | None:
        """The resource under the cursor."""
        row = self.under_cursor()
        if row is None or row.kind not in ("resource", "failure"):
            return None
        views = self.view.shown.board.resources
        exact = next((r for r in views if self.tab == "board" and r.key == row.key), None)
        base = row.subject.partition(":")[0]
        return exact or next((r for r in views if r.id.partition(":")[0] == base), None)

    def node_here(self) -> NodeView | None:
        """The node that the cursor's row or column is about."""
        row = self.under_cursor()
        name = ""
        if self.tab == "board":
            name = self.grid().column_name
        elif row is not None:
            name = row.node or (row.subject if row.kind == "node" else "")
        return next((n for n in self.view.shown.board.nodes if n.name == name), None)

    def top_of(self, view: ResourceView) -> ResourceView:
        """The group, clone or bundle that a resource is in, or itself: what can be moved."""
        views = self.view.shown.board.resources
        if view.depth == 0 or view not in views:
            return view
        index = views.index(view)
        return next((r for r in reversed(views[:index]) if r.depth == 0), view)

    def warn(self, text: str) -> None:
        self.notify(text, severity="warning")
