"""Inputs of the configure language, and the real crm as a long-lived helper that works through them in its image."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.lab.peerlab import PEERLAB, LabError

#: Seconds after which a run of the peer counts as endless.
LIMIT = 60
INITIAL = """<cib crm_feature_set="3.20.0" validate-with="pacemaker-{schema}" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="false"/>
      </cluster_property_set>
    </crm_config>
    <nodes>
      <node id="1" uname="node1"/>
      <node id="2" uname="node2"/>
      <node id="3" uname="node3"/>
    </nodes>
    <resources/>
    <constraints/>
  </configuration>
  <status/>
</cib>
"""
#: How an input is given -> the words after `crm`; FILE is replaced.
MODES = {
    "load": "configure load update FILE",
    "replace": "configure load replace FILE",
    "push": "configure load push FILE",
    "xml-update": "configure load xml update FILE",
    "xml-replace": "configure load xml replace FILE",
    "xml-push": "configure load xml push FILE",
    "typed": "configure < FILE",
    "root": "-f FILE",
}


@dataclass(frozen=True)
class Step:
    """One run: how the text is given (a key of MODES, `!` before it for -F) and the text."""

    mode: str
    text: str

    def command(self, file: str) -> str:
        forced = "-F " if self.mode.startswith("!") else ""
        return f"crm {forced}{MODES[self.mode.lstrip('!')]}".replace("FILE", file)


@dataclass(frozen=True)
class Case:
    """An input in one or more steps on a CIB of three nodes."""

    name: str
    steps: tuple[Step, ...]
    schema: str = "4.0"

    @property
    def initial(self) -> str:
        return INITIAL.format(schema=self.schema)

    @property
    def key(self) -> str:
        said = json.dumps([self.schema, [[s.mode, s.text] for s in self.steps]])
        return hashlib.sha256(said.encode()).hexdigest()[:24]


@dataclass
class Outcome:
    """What a run of a case left: exit code of the last step, the CIB, the `show` text, standard error and output."""

    rc: int
    cib: str
    show: str = ""
    err: str = ""
    out: str = ""
    files: dict[str, str] = field(default_factory=dict)


def read_cases(text: str) -> Iterator[Case]:
    """Cases of a file: `== NAME MODE [SCHEMA]`, the text, `-- MODE` before the text of a further step."""
    name, schema, steps, lines = "", "4.0", [], []
    mode = ""

    def end_step() -> None:
        if mode:
            steps.append(Step(mode, "\n".join(lines) + "\n"))
        lines.clear()

    for line in text.splitlines():
        words = line.split()
        if line.startswith("== "):
            end_step()
            if name:
                yield Case(name, tuple(steps), schema)
            steps = []
            name, mode, schema = words[1], words[2], words[3] if len(words) > 3 else "4.0"
        elif line.startswith("-- "):
            end_step()
            mode = words[1]
        elif mode:
            lines.append(line)
    end_step()
    if name:
        yield Case(name, tuple(steps), schema)


#: Most of a cold run of the peer is loading Python modules. So the program is started once and held where its main
#: function is entered; every run is a fork from there. All cases have the same folder, because paths may be taken from
#: the environment while it loads.
_LOOP = f"""
import os, runpy, shlex, signal, sys
os.makedirs("/w/case", exist_ok=True)
os.environ.update(CIB_file="/w/case/work.xml", HOME="/w/case", LC_ALL="C.UTF-8", TZ="UTC", TERM="dumb")
sys.argv = ["/usr/sbin/crm"]
control = os.fdopen(os.dup(0))
answer = os.fdopen(os.dup(1), "w")

def fork(words, source, out, err):
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    signal.alarm({LIMIT})
    os.chdir("/w/case")
    for path, flags, number in ((source, os.O_RDONLY, 0), (out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 1),
                                (err, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 2)):
        os.dup2(os.open(path, flags), number)
    sys.argv = ["/usr/sbin/crm", *words]
    return None

def entered(frame, event, argument):
    if event != "call" or frame.f_code.co_name != "run" or not frame.f_code.co_filename.endswith("crmsh/main.py"):
        return
    sys.setprofile(None)
    print("ready", file=answer, flush=True)
    while control.readline():
        code = 0
        for line in open("/w/case/cmd").read().splitlines():
            words, source = shlex.split(line)[1:], "/dev/null"
            if "<" in words:
                words, source = words[:words.index("<")], words[-1]
            code = fork(words, source, "out", "err")
            if code is None:
                return
        if code == 0 and fork(["configure", "show"], "/dev/null", "show", "/dev/null") is None:
            return
        with open("/w/case/rc", "w") as file:
            file.write(str(code))
        print("done", file=answer, flush=True)
    os._exit(0)

sys.setprofile(entered)
runpy.run_path("/usr/sbin/crm", run_name="__main__")
"""


class Peer:
    """The real crm; use as a context manager. Not for several threads at once. `cache`: answers kept in a folder."""

    def __init__(self, cache: Path | None = None) -> None:
        self.cache = cache
        self._shell: subprocess.Popen[str] | None = None

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shell is not None:
            assert self._shell.stdin is not None
            self._shell.stdin.close()
            self._shell.wait(timeout=60)
            self._folder.cleanup()

    def _start(self) -> subprocess.Popen[str]:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._shell = subprocess.Popen(
            [str(PEERLAB), "tool", "python3", "-c", _LOOP], cwd=self.folder, text=True,
            bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._expect("ready")
        return self._shell

    def _expect(self, word: str) -> None:
        assert self._shell is not None and self._shell.stdout is not None
        for line in self._shell.stdout:
            if line.strip() == word:
                return
        raise LabError("the peer's shell ended")

    def run(self, case: Case) -> Outcome:
        """What the peer makes of a case."""
        kept = self.cache / case.key if self.cache else None
        if kept is not None and kept.exists():
            return Outcome(**json.loads(kept.read_text()))
        shell = self._shell or self._start()
        work = self.folder / "case"
        work.mkdir(exist_ok=True)
        prepare(case, work)
        assert shell.stdin is not None
        shell.stdin.write("case\n")
        self._expect("done")
        outcome = Outcome(int(_read(work / "rc") or -1), _read(work / "work.xml"), _read(work / "show"),
                          _read(work / "err"), _read(work / "out"))
        if kept is not None:
            kept.write_text(json.dumps(outcome.__dict__))
        shutil.rmtree(work)
        return outcome


def prepare(case: Case, work: Path) -> list[str]:
    """Write the files of a case; the command lines."""
    (work / "work.xml").write_text(case.initial)
    commands = []
    for number, step in enumerate(case.steps, 1):
        (work / f"input.{number}").write_text(step.text)
        commands.append(step.command(f"input.{number}"))
    (work / "cmd").write_text("\n".join(commands) + "\n")
    return commands


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
