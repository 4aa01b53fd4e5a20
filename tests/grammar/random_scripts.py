"""Random scripts of the configure language: every statement, mostly valid, for comparing and for properties."""

from __future__ import annotations

import random

_AGENTS = ("Dummy", "ocf:pacemaker:Dummy", "ocf:heartbeat:Dummy", "ocf:pacemaker:Stateful", "ocf:Dummy")
_NODES = ("node1", "node2", "node3")
_VALUES = ("x", "1", "a.b", "two words", "a=b", "/srv/x", "it's", 'say "hi"', "a\\b", "$HOME", "%H:%M", "a,b;c", "#1",
           "x:y", "-5", "100%", "{a}", "(b)", "tab\there", "<&>", "INFINITY", "true")
_META = (("priority", "5"), ("target-role", "Stopped"), ("is-managed", "false"), ("resource-stickiness", "100"),
         ("migration-threshold", "3"), ("failure-timeout", "60s"), ("allow-migrate", "true"), ("critical", "true"))
_SCORES = ("100", "-50", "inf", "-inf", "INFINITY", "0", "+inf")
_EXPRESSIONS = (
    "#uname eq node1", "#uname ne node2", "defined pingd", "not_defined pingd", "pingd number:lt 100",
    "ver version:gte 2.1",
    "cpu integer:gt 4", "site string:eq west", "site eq west", "score gte param{fake}", "score lt meta{priority}",
    "date spec hours=9-16 weekdays=1-5", "date lt 2026-01-01", 'date gt "2026-01-01 10:00:00"',
    "date in start=2026-01-01 end=2026-02-01", "date in start=2026-01-01 months=2 weeks=1", "date date_spec years=2026",
    "#kind eq remote", "#health-disk eq green",
)


class Script:
    """One random script. `lines` are its statements in an order in which they can also be typed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.free: list[str] = []  # resources in no container
        self.tops: list[str] = []
        self.sets: list[str] = []  # ids given to parameter sets
        for number in range(self.random.randint(1, 6)):
            self.primitive(f"{self.pick('p', 'web', 'db', 'x-', 'v.')}{number}")
        for make in self.random.choices(
            (self.group, self.clone, self.bundle, self.location, self.location, self.colocation, self.order, self.order,
             self.ticket, self.property, self.defaults, self.node, self.tag, self.role, self.alert, self.template,
             self.topology, self.xml, self.rule_location), k=self.random.randint(1, 7)
        ):
            make(len(self.lines))

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def quoted(self, value: str) -> str:
        if self.chance(0.5) and all(c not in value for c in " \t'\"\\"):
            return value
        if "'" not in value:
            return f"'{value}'"
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def pairs(self, *names: str) -> str:
        chosen = self.random.sample(names, self.random.randint(1, len(names)))
        return " ".join(f"{n}={self.quoted(self.pick(*_VALUES))}" for n in chosen)

    def meta(self, extra: tuple[tuple[str, str], ...] = ()) -> str:
        chosen = self.random.sample([*_META, *extra], self.random.randint(1, 3))
        return " ".join(f"{n}={v}" for n, v in chosen)

    def rule(self, scored: bool = True) -> str:
        name = f"r{len(self.lines)}-{self.random.randint(0, 999)}"
        head = f"$id={name} " if self.chance(0.15) else ""
        head += f"{self.pick(*_SCORES)}: " if scored and self.chance(0.8) else ""
        operator = self.pick(" and ", " or ")
        return f"rule {head}{operator.join(self.random.choices(_EXPRESSIONS, k=self.random.choice((1, 1, 2, 3))))}"

    def operations(self) -> str:
        if self.chance(0.4):
            return ""
        out = f" operations $id=ops{len(self.lines)}" if self.chance(0.1) else ""
        if self.chance(0.8):
            out += f" op monitor interval={self.pick('10s', '30', '1min')} timeout={self.pick('20s', '30', '60s')}"
            out += self.pick("", "", " on-fail=restart", " role=Started", " OCF_CHECK_LEVEL=10", " enabled=false",
                             " op_params depth=1", " op_meta timeout=9s", ' description="look at it"')
        if self.chance(0.4):
            out += f" op start timeout={self.pick('20s', '40', '60s')} interval={self.pick('0', '0s')}"
        if self.chance(0.4):
            out += f" op stop timeout={self.pick('20s', '40', '60s')}"
        return out

    def params(self) -> str:
        kind = self.random.random()
        pairs = self.pairs("fake", "state")
        if kind < 0.3:
            return ""
        if kind < 0.6:
            return f" params {pairs}"
        if kind < 0.7:
            name = f"set{len(self.lines)}"
            self.sets.append(name)
            return f" params $id={name} {pairs}"
        if kind < 0.8 and self.sets:
            return f" params $id-ref={self.pick(*self.sets)}"
        if kind < 0.9:
            return f" params {self.rule(scored=False)} {pairs} params {self.pairs('fake')}"
        return f" {pairs}"

    def body(self) -> str:
        parts = [f" meta {self.meta()}" if self.chance(0.5) else "", self.operations(),
                 " utilization cpu=2 memory=1024" if self.chance(0.2) else ""]
        self.random.shuffle(parts)
        described = f" description={self.quoted(self.pick(*_VALUES))}" if self.chance(0.15) else ""
        return described + self.params() + "".join(parts)

    def primitive(self, name: str) -> None:
        if self.chance(0.1):
            self.lines.append(f"# about {name}")
        self.lines.append(f"primitive {name} {self.pick(*_AGENTS)}{self.body()}")
        self.free.append(name)
        self.tops.append(name)

    def template(self, number: int) -> None:
        self.lines.append(f"rsc_template t{number} {self.pick(*_AGENTS)}{self.body()}")
        self.lines.append(f"primitive pt{number} @t{number}{self.body()}")
        self.free.append(f"pt{number}")
        self.tops.append(f"pt{number}")

    def take(self, count: int = 1) -> list[str]:
        taken = self.random.sample(self.free, min(count, len(self.free)))
        for name in taken:
            self.free.remove(name)
            self.tops.remove(name)
        return taken

    def group(self, number: int) -> None:
        members = self.take(self.random.randint(1, 3))
        if members:
            rest = f" meta {self.meta()}" if self.chance(0.5) else ""
            self.lines.append(f"group g{number} {' '.join(members)}{rest}")
            self.tops.append(f"g{number}")

    def clone(self, number: int) -> None:
        groups = [t for t in self.tops if t.startswith("g")]
        if groups and self.chance(0.4):
            members = [self.pick(*groups)]
            self.tops.remove(members[0])
        else:
            members = self.take()
        if members:
            extra = (("interleave", "true"), ("clone-max", "2"), ("notify", "true"), ("promotable", "true"))
            rest = f" meta {self.meta(extra)}" if self.chance(0.7) else ""
            self.lines.append(f"clone c{number} {members[0]}{rest}")
            self.tops.append(f"c{number}")

    def bundle(self, number: int) -> None:
        image = self.pick("x", "pcmk:http", "a/b:1")
        text = f"bundle b{number} {self.pick('docker', 'podman')} image={image} replicas=2"
        if self.chance(0.6):
            text += " network ip-range-start=10.0.0.1" + self.pick("", " host-interface=eth0 host-netmask=24")
            text += self.pick("", f" port-mapping port={number + 80}", f" port-mapping id=pm{number} range=100-200")
            if self.chance(0.5) and (taken := self.take()):
                text += f" primitive {taken[0]}"
        elif self.chance(0.5):
            text += " storage storage-mapping source-dir=/a target-dir=/b"
        self.lines.append(text + (f" meta {self.meta()}" if self.chance(0.3) else ""))
        self.tops.append(f"b{number}")

    def location(self, number: int) -> None:
        if not self.tops:
            return
        target = self.pick(self.pick(*self.tops), self.pick(*self.tops), "/p.*/",
                           f"{{ {' '.join(self.random.sample(self.tops, min(2, len(self.tops))))} }}")
        extra = self.pick("", "", " role=Started", " resource-discovery=never")
        if target.startswith("{"):
            extra = ""
        self.lines.append(f"location l{number} {target}{extra} {self.pick(*_SCORES)}: {self.pick(*_NODES)}")

    def rule_location(self, number: int) -> None:
        if self.tops:
            self.lines.append(f"location lr{number} {self.pick(*self.tops)} {self.rule()}")

    def members(self, qualifiers: tuple[str, ...]) -> str:
        names = self.random.sample(self.tops, min(self.random.choice((2, 2, 3, 4)), len(self.tops)))
        words = [name + self.pick("", "", "", self.pick(*qualifiers)) for name in names]
        if len(words) > 2 and self.chance(0.6):
            start = self.random.randrange(len(words) - 1)
            left, right = self.random.choice((("( ", " )"), ("[ ", " ]"), ("(", ")")))
            words[start] = left + words[start]
            words[start + 1] += right
        return " ".join(words)

    def colocation(self, number: int) -> None:
        if len(self.tops) > 1:
            tail = self.pick("", "", " node-attribute=rack") if self.chance(0.3) else ""
            score = self.pick(*_SCORES)
            self.lines.append(f"colocation k{number} {score}: {self.members((':Started', ':Stopped'))}{tail}")

    def order(self, number: int) -> None:
        if len(self.tops) > 1:
            kind = self.pick("Mandatory: ", "Optional: ", "Serialize: ", "", "inf: ", "0: ")
            tail = self.pick("", "", " symmetrical=false", " symmetrical=true")
            self.lines.append(f"order o{number} {kind}{self.members((':start', ':stop'))}{tail}")

    def ticket(self, number: int) -> None:
        if self.tops:
            tail = self.pick("", " loss-policy=stop", " loss-policy=freeze")
            self.lines.append(f"rsc_ticket tk{number} T{number}: {self.members((':Started',))}{tail}")

    def property(self, number: int) -> None:
        self.lines.append(self.pick(
            "property no-quorum-policy=ignore", "property batch-limit=30 cluster-delay=60s", f"property s{number}: a=b",
            'property cluster-name="a b"', f"property s{number}: {self.rule(scored=False)} maintenance-mode=true",
        ))

    def defaults(self, number: int) -> None:
        self.lines.append(self.pick(
            "rsc_defaults resource-stickiness=1", f"rsc_defaults d{number}: {self.rule(scored=False)} priority=2",
            "op_defaults timeout=60s", f"op_defaults e{number}: rule date spec hours=0-6 timeout=120s",
        ))

    def node(self, number: int) -> None:
        which = self.random.randint(1, 3)
        self.lines.append(f"node {which}: node{which}" + self.pick(
            f" attributes {self.pairs('a', 'b')}", " utilization cpu=8", " standby=on", ' description="x y"',
            f" attributes {self.pairs('a')} utilization cpu=4"))

    def tag(self, number: int) -> None:
        if self.tops:
            self.lines.append(f"tag tg{number} {' '.join(self.random.sample(self.tops, min(2, len(self.tops))))}")

    def role(self, number: int) -> None:
        permissions = [f"{self.pick('read', 'write', 'deny')} " + self.pick(
            "xpath:/cib", 'xpath:"//nvpair[@name=\'x\']"', "meta:p0:target-role", "params:p0", "type:nvpair attr:name",
            "status", "cib", "node:node1", "property:maintenance-mode", "nodeattr", "location:p0",
        ) for _ in range(self.random.randint(1, 3))]
        self.lines.append(f"role rl{number} {' '.join(permissions)}")
        if self.chance(0.5):
            self.lines.append(f"acl_target u{number} rl{number}")

    def alert(self, number: int) -> None:
        self.lines.append(f"alert al{number} {self.pick('/srv/a.sh', '/srv/x')}" + self.pick(
            "", " to log", " to { log attributes a=b meta timeout=3s }", " attributes a=b meta timeout=15s to log",
            " select nodes fencing to log", " select attributes { standby shutdown } to log", ' description="x y"',
        ))

    def topology(self, number: int) -> None:
        if any(line.startswith("fencing_topology") for line in self.lines):
            return
        self.lines.append("primitive fd1 stonith:fence_watchdog")
        self.lines.append("fencing_topology " + self.pick(
            "fd1", "node1: fd1 node2: fd1", "pattern:node.* fd1", "attr:rack=1 fd1"))

    def xml(self, number: int) -> None:
        if self.tops:
            self.lines.append(f"xml <rsc_location id=\"xl{number}\" rsc=\"{self.pick(*self.tops)}\" node=\"node1\" "
                              "score=\"5\"/>")

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


_BREAKS = ("params", "op", "rule", "inf:", "(", ")", "{", "]", "$id=x", "$id-ref=y", "=", "a=", "and", "date", "@x",
           "\\", "'", '"', "meta", "xml", "#", ":", "role=", "é", "\x01", "junk", "100:")


def broken(seed: int) -> str:
    """A random script with a few words lost, doubled, swapped or put in."""
    rnd = random.Random(seed)
    lines = Script(seed).lines
    for _ in range(rnd.randint(1, 3)):
        at = rnd.randrange(len(lines))
        words = lines[at].split(" ")
        where = rnd.randrange(len(words))
        how = rnd.randrange(5)
        if how == 0:
            del words[where]
        elif how == 1:
            words.insert(where, words[rnd.randrange(len(words))])
        elif how == 2:
            words.insert(where, rnd.choice(_BREAKS))
        elif how == 3:
            words[where] = words[where][:rnd.randint(0, len(words[where]))]
        else:
            other = rnd.randrange(len(words))
            words[where], words[other] = words[other], words[where]
        lines[at] = " ".join(words)
    return "\n".join(lines) + "\n"
