"""The monitor's actions that change a cluster: each asks first, most can be taken back with z."""

from __future__ import annotations

from collections.abc import Callable

from hashell.client.board import NodeView, ResourceView
from hashell.model.diagnostics import HashellError
from hashell.tui.base import MonitorBase
from hashell.tui.dialogs import Choose, Confirm, TypeName
from hashell.tui.operator import Change, Order


class ChangeActions(MonitorBase):
    """Actions by key; none of them does anything in a read-only view or in the past."""

    def may_change(self) -> bool:
        """Whether changes are possible here; says why not."""
        if self.read_only or self.view.watched.operator is None:
            self.warn("this view is read-only")
        elif not self.view.is_present:
            self.warn("this is not the present: l goes back to it")
        else:
            return True
        return False

    def ask(self, order: Order, question: str, effect: str) -> None:
        """Confirm an order and have it carried out."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._carry_out(order, question))

        self.push_screen(Confirm(question, effect), answered)

    async def _carry_out(self, order: Order, question: str) -> None:
        view = self.view
        operator = view.watched.operator
        assert operator is not None
        try:
            change = await operator.carry_out(order)
        except HashellError as error:
            self.notify(str(error), severity="error", timeout=10)
            return
        if change is not None:
            view.done.append(change)
        self.notify(f"done: {question.rstrip('?')}" + ("  (z takes it back)" if change else ""))
        self.feeds[self.views.index(view)].look_again()

    def ask_and_run(self, command: str) -> None:
        """A command of the shell, from a story."""
        operator = self.view.watched.operator
        assert operator is not None

        async def run() -> None:
            try:
                output = await operator.run(command)
            except HashellError as error:
                self.notify(str(error), severity="error", timeout=10)
            else:
                self.notify(output or f"done: {command}")
                self.feeds[self.current].look_again()

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(run())

        self.push_screen(Confirm(f"Run: {command}", "As if it were typed into the shell."), answered)

    # -- resources ----------------------------------------------------------------------------------------------

    def _resource(self, top: bool = True) -> ResourceView | None:
        if not self.may_change():
            return None
        found = self.resource_here()
        if found is None:
            self.warn("go to a resource first")
            return None
        return self.top_of(found) if top else found

    def _choose_node(self, question: str, nodes: list[NodeView], then: Callable[[str], None]) -> None:
        here = self.node_here()
        ordered = sorted(nodes, key=lambda node: node is not here)

        def chosen(name: str | None) -> None:
            if name:
                then(name)

        options = [(n.name, f"{n.name}  {n.state}, runs {n.running}") for n in ordered]
        self.push_screen(Choose(question, options), chosen)

    def action_move(self) -> None:
        if (resource := self._resource()) is None:
            return
        targets = [n for n in self.view.shown.board.nodes if n.state == "online" and n.name not in resource.nodes]
        if not targets:
            self.warn(f"no other online node can take {resource.id}")
            return
        self._choose_node(f"Move {resource.id} to which node?", targets, lambda node: self.ask(
            Order("move", resource.id, node), f"Move {resource.id} to {node}?",
            "A constraint keeps it there until it is removed with u or z."))

    def action_ban(self) -> None:
        if (resource := self._resource()) is None:
            return
        nodes = [n for n in self.view.shown.board.nodes if n.kind == "member"]
        self._choose_node(f"Keep {resource.id} away from which node?", nodes, lambda node: self.ask(
            Order("ban", resource.id, node), f"Ban {resource.id} from {node}?",
            "A constraint keeps it away until it is removed with u or z."))

    def action_clear(self) -> None:
        row = self.under_cursor()
        if row is not None and row.kind == "constraint" and self.may_change():
            self.ask_and_run(f"configure delete {row.subject}")
            return
        if (resource := self._resource()) is not None:
            self.ask(Order("clear", resource.id), f"Remove the move and ban constraints of {resource.id}?",
                     "It may move back.")

    def _plain(self, verb: str, question: str, effect: str, top: bool = False) -> None:
        if (resource := self._resource(top)) is not None:
            self.ask(Order(verb, resource.id.partition(":")[0]), question.format(resource.id), effect)

    def action_start(self) -> None:
        self._plain("start", "Start {}?", "Its target-role becomes Started.")

    def action_stop(self) -> None:
        self._plain("stop", "Stop {}?", "It stays stopped until it is started with S or z.")

    def action_promote(self) -> None:
        self._plain("promote", "Promote {}?", "Its target-role becomes Promoted.")

    def action_demote(self) -> None:
        self._plain("demote", "Demote {}?", "Its target-role becomes Unpromoted.")

    def action_cleanup(self) -> None:
        self._plain("cleanup", "Forget the failures of {}?", "The cluster tries again what failed.")

    def action_refresh(self) -> None:
        self._plain("refresh", "Forget the history of {} and probe again?", "It is looked for on every node.")

    # -- nodes --------------------------------------------------------------------------------------------------

    def _with_node(self, question: str, then: Callable[[NodeView], None]) -> None:
        if not self.may_change():
            return
        nodes = {n.name: n for n in self.view.shown.board.nodes}
        here = self.node_here()
        if here is not None:
            then(here)
        else:
            self._choose_node(question, list(nodes.values()), lambda name: then(nodes[name]))

    def action_standby(self) -> None:
        self._with_node("Standby or online: which node?", self._standby)

    def _standby(self, node: NodeView) -> None:
        on = node.state != "standby"
        self.ask(Order("standby", node.name, "on" if on else "off"),
                 f"Put {node.name} in standby?" if on else f"Bring {node.name} back online?",
                 f"{node.running} resource(s) leave it." if on else "It may take resources again.")

    def action_maintenance(self) -> None:
        if not self.may_change():
            return
        node, resource = self.node_here(), self.resource_here()
        if resource is not None and node is None:
            on = not resource.maintenance
            self._ask_maintenance(resource.id.partition(":")[0], resource.id, on)
        elif node is not None:
            self._ask_maintenance(node.name, node.name, node.state != "maintenance")
        else:
            self._ask_maintenance("", "the whole cluster", not self.view.shown.board.maintenance)

    def _ask_maintenance(self, subject: str, name: str, on: bool) -> None:
        self.ask(Order("maintenance", subject, "on" if on else "off"),
                 f"{'Leave' if on else 'Manage'} {name} {'alone (maintenance)' if on else 'again'}?",
                 "Nothing is started, stopped or monitored there." if on else "The cluster looks after it again.")

    def action_fence(self) -> None:
        self._with_node("Fence which node?", self._fence)

    def _fence(self, node: NodeView) -> None:
        order, question = Order("fence", node.name), f"Fence {node.name}?"

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._carry_out(order, question))

        effect = f"It is switched off hard; {node.running} resource(s) run there. This cannot be taken back."
        self.push_screen(TypeName(question, effect, node.name), answered)

    # -- back ---------------------------------------------------------------------------------------------------

    def action_undo(self) -> None:
        if not self.may_change():
            return
        if not self.view.done:
            self.warn("there is nothing to take back")
            return
        last = self.view.done[-1]

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._take_back(last))

        what = " ".join(filter(None, (last.order.verb, last.order.subject or "cluster", last.order.argument)))
        self.push_screen(Confirm(f"Take back: {what}?", "What it changed is put back as it was before."), answered)

    async def _take_back(self, change: Change) -> None:
        view = self.view
        operator = view.watched.operator
        assert operator is not None
        try:
            await operator.take_back(change)
        except HashellError as error:
            self.notify(str(error), severity="error", timeout=10)
            return
        finally:
            view.done.remove(change)
        self.notify(f"taken back: {change.order.verb} {change.order.subject or 'cluster'}")
        self.feeds[self.views.index(view)].look_again()
