"""The real crm_mon as a long-lived helper: one shell in its image works through the CIBs and options it is sent."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.lab.peerlab import PEERLAB, LabError

#: Seconds after which a run of the peer counts as endless.
LIMIT = 30

_LOOP = f"""
echo ready
while IFS= read -r args; do
  eval "timeout {LIMIT} crm_mon $args" > out 2> err < /dev/null; echo $? > rc
  echo done
done
"""


class StatusPeer:
    """One shell; use as a context manager. Not for several threads at once."""

    def __enter__(self) -> StatusPeer:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        variables = ["LC_ALL=C", "TZ=UTC", "CIB_file=/w/case.xml"]
        self._shell = subprocess.Popen(
            [str(PEERLAB), "tool", "env", *variables, "sh", "-c", _LOOP], cwd=self.folder, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._expect("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(timeout=60)
        self._folder.cleanup()

    def _expect(self, word: str) -> None:
        assert self._shell.stdout is not None
        for line in self._shell.stdout:
            if line.strip() == word:
                return
        raise LabError("the peer's shell ended")

    def load(self, cib: bytes) -> None:
        """The CIB that the following runs look at."""
        (self.folder / "case.xml").write_bytes(cib)

    def run(self, args: list[str]) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(shlex.join(args) + "\n")
        self._expect("done")
        out, err, code = ((self.folder / name).read_text(encoding="utf-8", errors="replace")
                          for name in ("out", "err", "rc"))  # fmt: skip
        return int(code), out, err
