"""A check in a process of its own, so that what it imports does not stay in the memory that daemons inherit."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.model.exitcodes import ExitCode


def run_apart(check: Callable[[], list[Diagnostic]]) -> list[Diagnostic]:
    """The result of `check()`, called in a fork. Raises HashellError as it did, RuntimeError when it failed."""
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _answer(check, write)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        data = answer.read()
    os.waitpid(pid, 0)
    found, exit_code, failure = pickle.loads(data) if data else ([], None, "the check was killed")
    if failure:
        raise RuntimeError(failure)
    if exit_code is not None:
        raise HashellError(*found, exit_code=ExitCode(exit_code))
    return list(found)


def _answer(check: Callable[[], list[Diagnostic]], write: int) -> None:
    try:
        found, exit_code, failure = check(), None, ""
    except HashellError as error:
        found, exit_code, failure = list(error.diagnostics), int(error.exit_code), ""
    except BaseException as error:
        found, exit_code, failure = [], None, repr(error)
    try:
        with os.fdopen(write, "wb") as answer:
            pickle.dump((found, exit_code, failure), answer)
    finally:
        os._exit(0)
