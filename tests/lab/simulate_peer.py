"""The real crm_simulate as a long-lived helper: one shell in its image works through the inputs it is sent."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from tests.lab.peerlab import PEERLAB, LabError

#: Seconds after which a run of the peer counts as endless.
LIMIT = 20

_LOOP = f"""
echo ready
while IFS= read -r name; do
  args=$(cat "$name.args" 2>/dev/null)
  rm -f "$name.exp" "$name.dot"
  eval "timeout {LIMIT} crm_simulate -x $name.xml -S $args" > "$name.summary" 2>&1 < /dev/null; rc=$?
  echo $rc > "$name.rc"
  [ $rc -gt 1 ] || eval "timeout {LIMIT} crm_simulate -x $name.xml -D $name.dot -G $name.exp -sSQ $args" \\
    > "$name.scores" 2> /dev/null < /dev/null
  echo done
done
"""


class Peer:
    """One shell; use as a context manager. Not for several threads at once."""

    def __enter__(self) -> Peer:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._shell = subprocess.Popen(
            [str(PEERLAB), "tool", "env", "LC_ALL=C", "TZ=UTC", "sh", "-c", _LOOP], cwd=self.folder,
                             text=True, bufsize=1,
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

    def run(self, cib: bytes, args: list[str], name: str = "case") -> dict[str, str]:
        """What the peer says: summary, scores, dot, exp and rc (its exit code, as text)."""
        (self.folder / f"{name}.xml").write_bytes(cib)
        (self.folder / f"{name}.args").write_text(shlex.join(args))
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{name}\n")
        self._expect("done")
        kinds = ("summary", "scores", "dot", "exp", "rc")
        return {kind: self._read(f"{name}.{kind}") for kind in kinds}

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
