"""What the client says when a cluster cannot be reached, read or changed."""

from __future__ import annotations

from hashell.model.diagnostics import Diagnostic
from hashell.model.exitcodes import ExitCode
from hashell.model.messageclass import message


@message
class NotConnected(Diagnostic):
    """No daemon answers at the place where the cluster should be."""

    code = "H501"
    exit_code = ExitCode.DISCONNECT
    where: str
    reason: str = ""
    pacemaker: bool = False  #: the original's stack is installed here

    def text(self) -> str:
        return f"no cluster is running on {self.where}" + (f": {self.reason}" if self.reason else "")

    def remedy(self) -> str:
        if self.pacemaker:
            return "start Pacemaker with: systemctl start pacemaker, or hashell's own stack with: hashell cluster start"
        return "start one with: hashell cluster start, or: hashell cluster start --embedded 3"


@message
class NotPermitted(Diagnostic):
    code = "H502"
    exit_code = ExitCode.INSUFFICIENT_PRIV
    what: str

    def text(self) -> str:
        return f"{self.what}: permission denied"

    def remedy(self) -> str:
        return "run as root, or as a member of group haclient"


@message
class NotAllowed(Diagnostic):
    """The cluster's access control does not let this user do that."""

    code = "H519"
    exit_code = ExitCode.INSUFFICIENT_PRIV
    what: str
    user: str

    def text(self) -> str:
        return f"{self.what} was refused: the cluster's access rules (ACLs) do not allow it to user {self.user}"

    def remedy(self) -> str:
        return "nothing was changed; who may change `acl_target` and `role` in hashell configure can allow it"


@message
class NoAnswer(Diagnostic):
    """A daemon accepted a request and did not answer in time."""

    code = "H503"
    exit_code = ExitCode.TIMEOUT
    daemon: str
    seconds: float

    def text(self) -> str:
        return f"{self.daemon} did not answer within {self.seconds:.0f} s"

    def remedy(self) -> str:
        return "it may be busy or frozen: see hashell status, then the log of the node"


@message
class Refused(Diagnostic):
    """The cluster refused a change; `reason` is its own word."""

    code = "H504"
    what: str
    reason: str

    def text(self) -> str:
        return f"{self.what} was refused: {self.reason}"


@message
class Conflict(Diagnostic):
    """Somebody changed the configuration since it was read."""

    code = "H505"
    exit_code = ExitCode.OLD
    expected: str
    found: str

    def text(self) -> str:
        return f"the configuration was changed meanwhile (was {self.expected}, is {self.found})"

    def remedy(self) -> str:
        return "refresh, look at the difference and commit again"


@message
class NeedsLiveCluster(Diagnostic):
    code = "H506"
    exit_code = ExitCode.UNAVAILABLE
    what: str

    def text(self) -> str:
        return f"{self.what} needs a live cluster, and this is a CIB file"

    def remedy(self) -> str:
        return "unset CIB_file, or leave the shadow CIB with: cib use"


@message
class UnreadableCib(Diagnostic):
    code = "H507"
    exit_code = ExitCode.DATAERR
    path: str
    reason: str

    def text(self) -> str:
        return f"{self.path} is not a CIB: {self.reason}"

    def remedy(self) -> str:
        return "check the file; nothing was changed"


@message
class UnwritableCib(Diagnostic):
    code = "H508"
    exit_code = ExitCode.CANTCREAT
    path: str
    reason: str

    def text(self) -> str:
        return f"cannot write {self.path}: {self.reason}"

    def remedy(self) -> str:
        return "check the folder's permissions and free space; the file is as it was"


@message
class ChangeImpossible(Diagnostic):
    """A change that does not fit the configuration; `message` says why, `hint` what helps."""

    code = "H509"
    message: str
    hint: str = ""

    def text(self) -> str:
        return self.message

    def remedy(self) -> str:
        return self.hint


@message
class CibInvalid(Diagnostic):
    """The CIB manager was started on a document that breaks its schema."""

    code = "H518"
    exit_code = ExitCode.CONFIG
    where: str

    def text(self) -> str:
        return f"{self.where} started with a configuration that is not valid, and refuses every request"

    def remedy(self) -> str:
        return "the log of the node says what is wrong; stop the node, correct cib.xml, remove cib.xml.sig, start it"
