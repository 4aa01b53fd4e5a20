"""Waiting for the cluster: saying what for, until when, and what has been seen so far."""

from __future__ import annotations

from hashell.model.exitcodes import ExitCode
from hashell.shell.diagnostics import Warned
from hashell.shell.session import Session

DEFAULT_SECONDS = 300.0


def wait_for_transition(session: Session, seconds: float = DEFAULT_SECONDS) -> ExitCode:
    """Wait until the DC has nothing left to do. A CIB file has nobody who would do anything."""
    if session.is_file:
        return ExitCode.OK
    session.note(f"waiting for the cluster to settle, at most {seconds:.0f} s")
    if session.run(session.cluster().wait_idle(seconds, session.note)):
        session.note("the cluster has settled")
        return ExitCode.OK
    session.tell(Warned(message=f"the cluster was still busy after {seconds:.0f} s", hint="`status` shows with what"))
    return ExitCode.TIMEOUT
