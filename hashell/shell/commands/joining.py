"""Handlers that change which machines a cluster has: join, remove.

Everything is looked at before anything is written: which cluster, whether every node is reached over ssh, whether this
machine is in another cluster, whether its name and address are free.
"""

from __future__ import annotations

import shlex
import time

from hashell.atomicfile import write_atomically
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands import certificates, device
from hashell.shell.commands.machines import UNIT, elsewhere, last_line, prepare
from hashell.shell.commands.resource import failed
from hashell.shell.commands.ringconf import checked
from hashell.shell.commands.setup import cluster_in, keep, name_of, need_root, own_cluster, runs, set_state_aside
from hashell.shell.commands.setupoptions import JOIN_USAGE, InitOptions, address_of, is_own, parse_options
from hashell.shell.corosynctext import CorosyncText
from hashell.shell.diagnostics import Warned, WrongArguments
from hashell.shell.hosts import Host, all_hosts, chosen_hosts, this_machine
from hashell.shell.session import Session
from hashell.stack.settings import NodeSettings

#: Has the ring of a machine read its file, be it ours or Corosync's.
_RELOAD = "if command -v hashell >/dev/null; then hashell corosync reload; else corosync-cfgtool -R; fi"
_RUNS = "if command -v hashell >/dev/null; then hashell cluster status; else corosync-cfgtool -s; fi >/dev/null"
_ONLINE_SECONDS = 120.0
_POLL_SECONDS = 0.5


def join(session: Session, words: list[str]) -> ExitCode:
    """This machine into the cluster of another one."""
    options = parse_options(words, "join")
    if not options.contact:
        raise HashellError(WrongArguments(command="cluster.join", usage=JOIN_USAGE,
                                          problem="which cluster? -c is missing"))
    settings = NodeSettings()
    need_root(settings)
    contact = Host(options.contact.rpartition("@")[2], settings)
    text = _cluster_of(contact, options.name)
    was_in = this_machine() in text.names()
    _check_own_state(settings, text, contact)
    addresses = _own_addresses(text, options)
    others = [Host(name, settings) for name in text.names() if name != this_machine()]
    for host in others:
        host.run("true")
    if not was_in:
        text.add_node(this_machine(), addresses[0], addresses[1:])
    new = checked(str(text), bundled=True)
    if was_in and _same(settings, new) and runs(settings):
        session.note(f"{this_machine()} is a node of cluster {name_of(text)} already")
        return _settle(session)
    if not _agreed(session, options, _plan(settings, text, addresses, others, was_in)):
        return ExitCode.OK
    prepare(session, Host(this_machine(), settings, local=True))
    _take_files(settings, contact, new)
    if not was_in:
        for host in others:
            host.write(settings.corosync_conf, new.encode())
        _reload(contact)
    return _start(session, settings, f"{this_machine()} ({addresses[0]}) joined cluster {name_of(text)}")


def _cluster_of(contact: Host, name: str) -> CorosyncText:
    """The corosync.conf of the cluster to join. Raises HashellError for one that cannot be joined."""
    if contact.name in (this_machine(), "localhost"):
        raise failed(f"{contact.name} is this machine", "name a node of the cluster that it is to join: -c HOST")
    result = contact.run(f"cat -- {shlex.quote(str(contact.settings.corosync_conf))}")
    text = cluster_in(result.stdout.decode("utf-8", "replace")) if result.returncode == 0 else None
    if text is None:
        raise failed(f"{contact.name} is in no cluster", "make one there (cluster init), or name another: -c HOST")
    if name and name_of(text) != name:
        raise failed(f"{contact.name} is in cluster {name_of(text)}, not in {name}",
                     f"join without -n, or name a node of {name}: -c HOST")
    if contact.run(_RUNS).returncode:
        raise failed(f"cluster {name_of(text)} does not run on {contact.name}",
                     "start it there first (cluster start), or name a node where it runs: -c HOST")
    return text


def _check_own_state(settings: NodeSettings, text: CorosyncText, contact: Host) -> None:
    """Raises HashellError when this machine is in another cluster."""
    own = own_cluster(settings)
    if own is None:
        if runs(settings):
            raise failed("a cluster runs on this machine", "`cluster stop` first")
        return
    name, me = name_of(own), this_machine()
    if name != name_of(text):
        raise failed(f"this machine is in cluster {name}, and {contact.name} in {name_of(text)}",
                     f"take it out first: cluster remove -F {me}")
    if me not in text.names() and runs(settings):
        raise failed(f"this machine runs a cluster {name} of its own, which {contact.name} does not know",
                     f"take it out first: cluster remove -F {me}")


def _own_addresses(text: CorosyncText, options: InitOptions) -> list[str]:
    """This machine's address on each link. Raises HashellError."""
    links = text.links()
    me = this_machine()
    if me in text.names():
        listed = [of_link[me] for of_link in links.values() if me in of_link]
        wanted = [address_of(word) for word in options.addresses]
        if not all(map(is_own, listed)) or (wanted and wanted != listed):
            raise failed(f"the cluster has a node {me} already, with address {' '.join(listed)}",
                         f"take it out there first (cluster remove {me}), or give this machine another host name")
        return listed
    # The address from which each link is reached; the first node of it is as good as any.
    addresses = [address_of(word) for word in options.addresses] or [
        address_of(towards=next(iter(of_link.values()))) for of_link in links.values()]
    if len(addresses) != len(links):
        raise failed(f"the cluster has {len(links)} link{'s' * (len(links) != 1)}, and -i names {len(addresses)}",
                     f"cluster join -c HOST{' -i ADDRESS' * len(links)}")
    return addresses


def _same(settings: NodeSettings, text: str) -> bool:
    try:
        return settings.corosync_conf.read_text(encoding="utf-8") == text and settings.authkey.exists()
    except OSError:
        return False


def _plan(settings: NodeSettings, text: CorosyncText, addresses: list[str], others: list[Host],
          was_in: bool) -> list[str]:
    here = [f"write {settings.authkey} and {settings.corosync_conf} here"
            + (", and keep the old one beside it" if settings.corosync_conf.exists() else "")]
    old = not runs(settings) and settings.cib_dir.exists() and any(settings.cib_dir.iterdir())
    aside = [f"set aside {settings.cib_dir}, the configuration of a former cluster"] if old else []
    there = [f"write {settings.corosync_conf} on {', '.join(h.name for h in others)}, and have the ring read it"]
    return [f"{this_machine()} ({' '.join(addresses)}) into cluster {name_of(text)} of "
            f"{', '.join(h.name for h in others)}:",
            *(f"  {line}" for line in [*aside, *here, *([] if was_in else there), "start the cluster here"])]


def _agreed(session: Session, options: InitOptions, plan: list[str]) -> bool:
    if not options.quiet:
        for line in plan:
            session.out(line)
    return options.yes or not session.interactive or session.ask("Go ahead")


def _take_files(settings: NodeSettings, contact: Host, conf: str) -> None:
    """Write the key and the file of the cluster, with nothing left of a former one."""
    key = contact.run(f"cat -- {shlex.quote(str(settings.authkey))}")
    here = Host(this_machine(), settings, local=True)
    if not runs(settings):
        set_state_aside(here)
    keep(settings.corosync_conf)
    certificates.take_over(contact, here)
    if key.returncode == 0:
        write_atomically(settings.authkey, key.stdout, mode=0o400)
    elif "secauth: on" in conf or "crypto_cipher" in conf:
        raise failed(f"{contact.name}: {settings.authkey}: {last_line(key.stderr).rpartition(': ')[2]}",
                     "the ring is encrypted, so it needs its key")
    write_atomically(settings.corosync_conf, conf, mode=0o644)


def _reload(host: Host) -> None:
    result = host.run(_RELOAD)
    if result.returncode:
        raise failed(f"{host.name}: the ring did not take the new corosync.conf: {last_line(result.stderr)}",
                     "once that is repaired: corosync reload there, then join again")


def _start(session: Session, settings: NodeSettings, done: str) -> ExitCode:
    from hashell.shell.commands.cluster import start

    session.end_line()
    if not runs(settings):
        start(session, [])
    code = _settle(session)
    session.note(done)
    return code


def _settle(session: Session) -> ExitCode:
    """Wait until this node is online and the cluster has nothing left to do."""
    from hashell.shell.commands.cluster import wait_for_startup

    session.end_line()
    deadline = time.monotonic() + _ONLINE_SECONDS
    code = wait_for_startup(session, ["120"])
    while not _online(session):
        if time.monotonic() > deadline:
            raise failed(f"{this_machine()} is not online after {_ONLINE_SECONDS:.0f} s",
                         "`corosync status` shows whether the ring reaches the others")
        time.sleep(_POLL_SECONDS)
        code = wait_for_startup(session, ["120"])
    return code


def _online(session: Session) -> bool:
    """Whether the cluster has quorum with this node in it."""
    board = session.run(session.cluster().board())
    return board.have_quorum and any(n.name == this_machine() and n.healthy for n in board.nodes)


# -- leaving -----------------------------------------------------------------------------------------------------


def remove(session: Session, words: list[str]) -> ExitCode:
    """`remove [-y] [-F] [-c HOST|NODE…]`, `remove --qdevice`: nodes, or the quorum device, out for good."""
    if words[-1:] == ["--qdevice"] and set(words) <= {"--qdevice", "-y", "-q", "-F"}:
        return device.remove(session)
    names = list(dict.fromkeys(w for w in words if not w.startswith("-")))
    unknown = [w for w in words if w.startswith("-") and w not in (
        "-y", "--yes", "-q", "--quiet", "-F", "--force", "-c", "--cluster-node")]
    if unknown or not names:
        raise HashellError(WrongArguments(command="cluster.remove", usage="remove [-y] [-F] NODE…",
                                          problem=f"'{unknown[0]}' is not an option" if unknown else "no node named"))
    force = session.options.force or "-F" in words or "--force" in words
    gone = chosen_hosts(session, names)
    if gone[0].settings.embedded:
        raise failed("an embedded cluster keeps its number of nodes",
                     f"stop one: cluster stop {names[0]}; another number: cluster destroy, then start")
    left = [h for h in all_hosts(session) if h.name not in names]
    if (not left or any(h.local for h in gone)) and not force:
        raise failed("this machine is among them", "remove it from another node, or use -F")
    if not ({"-y", "--yes"} & set(words) or session.options.force or not session.interactive
            or session.ask(f"Remove {', '.join(names)} from the cluster")):
        return ExitCode.OK
    absent = _check_reached(session, gone, left, force)
    _take_out(session, gone, left, absent)
    return ExitCode.OK


def _check_reached(session: Session, gone: list[Host], left: list[Host], force: bool) -> list[Host]:
    """The machines of those to be removed that are not reached, which takes -F. Raises HashellError."""
    for host in left:
        host.run("true")
    absent = []
    for host in gone:
        try:
            host.run("true")
        except HashellError as error:
            if not force:
                raise failed(error.diagnostics[0].text(), "do it when it is reached again; with -F it is not stopped, "
                             "and keeps its files") from None
            session.tell(Warned(message=f"{error.diagnostics[0].text()}: its files are still there",
                                hint="it must not start with them: delete /etc/corosync/corosync.conf on it"))
            absent.append(host)
    return absent


def _take_out(session: Session, gone: list[Host], left: list[Host], absent: list[Host]) -> None:
    """Stop the nodes, tell the others, and only then delete the files: whatever fails can be done again."""
    settings = gone[0].settings
    text = CorosyncText(settings.corosync_conf.read_text(encoding="utf-8", errors="replace"))
    for host in gone:
        text.remove_node(host.name)
    new = checked(str(text), bundled=True) if left else ""
    for host in gone:
        if host not in absent and elsewhere(host, "cluster stop || ! hashell cluster status >/dev/null").returncode:
            raise failed(f"{host.name}: the cluster does not stop", f"look there: cluster status, {settings.log_dir}")
    for host in left:
        host.write(settings.corosync_conf, new.encode())
    if left:
        manager = next((h for h in left if h.local), left[0])
        _reload(manager)
        for host in gone:
            _forget(manager, host.name)
    for host in gone:
        if host not in absent:
            _delete_files(host)
        session.note(f"{host.name} is out of the cluster")


def _forget(manager: Host, name: str) -> None:
    """Take a node that is stopped out of the CIB and of the memory of the daemons."""
    deadline = time.monotonic() + _ONLINE_SECONDS
    while True:
        result = elsewhere(manager, f"-F node delete {shlex.quote(name)}")
        if result.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise failed(f"node {name} is stopped, but still known: {last_line(result.stderr)}",
                         f"node delete {name}")
        time.sleep(_POLL_SECONDS)


def _delete_files(host: Host) -> None:
    settings = host.settings
    set_state_aside(host)
    files = " ".join(shlex.quote(str(path)) for path in (settings.corosync_conf, settings.authkey,
                                                       certificates.BUNDLE_PATH))
    result = host.run(f"systemctl disable {UNIT} >/dev/null 2>&1; rm -f -- {files}")
    if result.returncode:
        raise failed(f"{host.name}: {last_line(result.stderr)}", f"delete by hand: {files}")
