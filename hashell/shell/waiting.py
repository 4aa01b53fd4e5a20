"""Waiting for the cluster: saying what for, until when, and what has been seen so far."""

from __future__ import annotations

from hashell.model.exitcodes import ExitCode
from hashell.shell.diagnostics import Warned
from hashell.shell.session import Session

DEFAULT_SECONDS = 300.0
#: States of the DC in words.
_STATES = {
    "S_POLICY_ENGINE": "the DC is deciding what to do", "S_TRANSITION_ENGINE": "actions are being carried out",
    "S_ELECTION": "a DC is being elected", "S_INTEGRATION": "nodes are joining", "S_FINALIZE_JOIN": "nodes are joining",
    "S_RELEASE_DC": "the DC is handing over", "S_STARTING": "the cluster is starting", "S_PENDING": "nodes are joining",
    "no DC": "there is no DC yet",
}


def wait_for_transition(session: Session, seconds: float = DEFAULT_SECONDS) -> ExitCode:
    """Wait until the DC has nothing left to do. A CIB file has nobody who would do anything."""
    if session.is_file:
        return ExitCode.OK
    session.note(f"waiting for the cluster to settle, at most {seconds:.0f} s")
    seen: list[str] = []

    def on_wait(state: str) -> None:
        words = _STATES.get(state, state)
        if seen[-1:] != [words]:
            seen.append(words)
            session.note(f"  {words}")

    if session.run(session.cluster().wait_idle(seconds, on_wait)):
        session.note("the cluster has settled")
        return ExitCode.OK
    session.tell(Warned(message=f"the cluster was still busy after {seconds:.0f} s", hint="`status` shows with what"))
    return ExitCode.TIMEOUT
