"""The configure level: statements of the language and the commands on the working copy (language spec, 5 and 8)."""

from __future__ import annotations

from hashell.shell.table import Argument, Below, Command, Level

IDS = Argument("ID", "ids", optional=True, repeat=True)
_SPEC = Argument("SPEC", "specs", optional=True, repeat=True)


def _statement(name: str, summary: str, form: str, help_: str, completer: str = "statement",
               aliases: tuple[str, ...] = (), example: str = "") -> Command:
    words = Argument(form, completer, optional=True, repeat=True)
    return Command(name, "statements:define", summary, (words,), help_, aliases, statement=True,
                   example=example)


def _statements() -> tuple[Command, ...]:
    body = "Sets may begin with $id=ID, a SCORE: and rules; @ID refers to a value of another resource."
    return (
        _statement("primitive", "define a resource", "ID [CLASS:[PROVIDER:]]TYPE [params …] [meta …] [op …]",
                   "primitive ID {[class:[provider:]]type|@template} [description=…]\n"
                   "    [params name=value …] [meta name=value …] [utilization name=value …]\n"
                   "    [op NAME interval=… timeout=… …]\n\n" + body, aliases=("resource",),
                   example="primitive mail ocf:pacemaker:Dummy op monitor interval=10s timeout=20s"),
        _statement("group", "define a group: its members start in order and stay together", "ID MEMBER… [meta …]",
                   "group ID member [member …] [description=…] [params …] [meta …]", example="group office web cache"),
        _statement("clone", "run a resource on several nodes", "ID RESOURCE [meta …]",
                   "clone ID resource [description=…] [params …] [meta …]\n\nAt the prompt interleave=true is added, "
                   "and promotable=true if the agent can be promoted.",
                   example="clone cache-clone cache meta interleave=true"),
        _statement("bundle", "run a resource in containers", "ID docker|podman image=… [network …] [storage …]",
                   "bundle ID {docker|podman} image=… [name=value …] [network … [port-mapping …]]\n"
                   "    [storage [storage-mapping …]] [meta …] [primitive ID]",
                   example="bundle app podman image=registry.example.com/app:1 replicas=2 network "
                           "ip-range-start=192.0.2.50 port-mapping port=8080 meta target-role=Stopped"),
        _statement("rsc_template", "define what several primitives have in common", "ID AGENT [params …] …",
                   "rsc_template ID [class:[provider:]]type [params …] [meta …] [op …]\n\n"
                   "A primitive uses it with: primitive ID @TEMPLATE",
                   example="rsc_template quick ocf:pacemaker:Dummy op monitor interval=5s "
                           "timeout=20s\nprimitive q1 @quick"),
        _statement("location", "say where a resource prefers to run", "ID RESOURCE SCORE: NODE",
                   "location ID {resource|/pattern/|{ set }} [role=R] [resource-discovery=D]\n"
                   "    {SCORE: NODE | rule [$id=…] [$role=…] [SCORE:] EXPRESSION …}\n\nExamples:\n"
                   "    location web-on-1 web 100: node1\n"
                   "    location db-not-alone db rule -inf: not_defined pingd or pingd lte 0\n"
                   "    location night web rule 50: #uname eq node2 and date spec hours=0-6",
                   example="location cache-office-hours cache rule 100: #uname eq node2 and date spec hours=9-17"),
        _statement("colocation", "say which resources run together", "ID SCORE: A B…",
                   "colocation ID SCORE: A[:role] B[:role] … [node-attribute=NAME]\n\n"
                   "A runs where B is. ( ) makes a set without order.", aliases=("collocation",),
                   example="colocation cache-apart -inf: cache web"),
        _statement("order", "say in which order things start", "ID [KIND:] FIRST THEN…",
                   "order ID [Mandatory|Optional|Serialize:] A[:action] B[:action] … [symmetrical=true|false]\n\n"
                   "( ) starts its members in parallel, [ ] needs only one of them.",
                   example="order cache-last Optional: web cache"),
        _statement("rsc_ticket", "bind resources to a site ticket", "ID TICKET: RESOURCE…",
                   "rsc_ticket ID TICKET: resource[:role] … [loss-policy=stop|demote|fence|freeze]",
                   example="rsc_ticket db-ticket ticket-b: db-clone:Promoted loss-policy=demote"),
    )


def _other_statements() -> tuple[Command, ...]:
    return (
        _statement("property", "set cluster options", "[ID:] NAME=VALUE…",
                   "property [ID:] [rule …] name=value …",
                   "properties", example="property no-quorum-policy=stop"),
        _statement("rsc_defaults", "set defaults of resource meta attributes", "[ID:] NAME=VALUE…",
                   "rsc_defaults [ID:] [rule …] name=value …",
                   "rsc_defaults", ("rsc-defaults",), example="rsc_defaults resource-stickiness=200"),
        _statement("op_defaults", "set defaults of operations", "[ID:] NAME=VALUE…",
                   "op_defaults [ID:] [rule …] name=value …",
                   "op_defaults", ("op-defaults",), example="op_defaults timeout=30s"),
        _statement("node", "define a node or its attributes", "[ID:] NAME [attributes …] [utilization …]",
                   "node [ID:] NAME[:member|:remote] [description=…] [attributes name=value …] [utilization …]",
                   example="node node1 attributes rack=7"),
        _statement("fencing_topology", "set the order in which fencing devices are tried",
                   "[NODE:] DEVICES…", "fencing_topology {NODE:|attr:NAME=VALUE|pattern:RE} dev[,dev] … …",
                   aliases=("fencing-topology",),
                   example="primitive cut stonith:fence_embedded\nfencing_topology node1: cut node2: cut"),
        _statement("role", "define an access role", "ID read|write|deny …",
                   "role ID {read|write|deny} {xpath:…|ref:…|type:…|meta:RSC[:NAME]|params:RSC|property|node|cib …} …",
                   example="role operators write meta:web:target-role read cib"),
        _statement("acl_target", "give access roles to a user", "USER ROLE…", "acl_target USER role [role …]",
                   example="role readers read cib\nacl_target alice readers"),
        _statement("acl_group", "give access roles to a group of users", "GROUP ROLE…", "acl_group GROUP role …",
                   example="role readers read cib\nacl_group staff readers"),
        _statement("user", "define a user the old way (schemas before 2.0)", "ID role:ROLE…", "user ID role:R …",
                   example="schema pacemaker-1.2\nuser alice write meta:web:target-role\nrefresh force"),
        _statement("tag", "give a name to several objects", "ID OBJECT…", "tag ID object [object …]",
                   example="tag fragile web cache"),
        _statement("alert", "have a program told of events", "ID PATH [to RECIPIENT…]",
                   "alert ID PATH [attributes …] [meta …] [select …] [to RECIPIENT …]",
                   example="alert mail-us /usr/local/bin/mail-alert to admin@example.com"),
        _statement("xml", "define an object by its XML", "XML", "xml '<rsc_order id=\"o1\" …/>'\n\n"
                   "Quote the XML at the prompt; in files quotes are not needed.",
                   example="xml '<rsc_order id=\"web-then-cache\" first=\"web\" then=\"cache\" "
                           "kind=\"Optional\"/>'"),
        _statement("monitor", "add a monitor operation", "RESOURCE[:ROLE] INTERVAL[:TIMEOUT]",
                   "monitor RESOURCE[:role] interval[:timeout]", "monitor",
                   example="monitor cache 15s:20s"),
        Command("ms", "statements:old_ms", "", (Argument("WORDS", optional=True, repeat=True),),
                aliases=("master",), hidden=True),
    )


def _commands() -> tuple[Command, ...]:
    return (
        Command("show", "configure:show", "show the configuration", (_SPEC,),
                "show [xml] [SPEC…]\n\nSPEC: an id or glob, type:KIND, tag:TAG, related:ID, changed, obscure:GLOB;\n"
                "joined by `and` and `or`.\n\nExamples:\n    show type:primitive\n    show related:web\n"
                "    show changed", example="show related:web"),
        Command("edit", "configure:edit", "edit objects in your editor", (_SPEC,),
                "edit [xml] [SPEC…]\n\nOpens $EDITOR with the text of the objects, then takes your changes over. "
                "A statement taken away is deleted.", example="edit web", needs="terminal"),
        Command("verify", "configure:verify", "check the working copy", (),
                "verify\n\nEverything a commit would check, for all objects.", example="verify"),
        Command("diff", "configure:diff", "show what would be changed", (), "diff\n\nSame as: show changed.",
                example="set web.monitor.timeout 30s\ndiff"),
        Command("commit", "configure:commit", "make the changes real",
                (Argument("OPTION", "", ("force", "replace", "--plan"), optional=True, repeat=True),),
                "commit [force] [replace] [--plan]\n\n--plan shows what the cluster would do, and changes nothing.\n"
                "force takes a configuration with semantic errors; replace writes the whole configuration.",
                changes=True, example="location web-elsewhere web inf: node2\ncommit --plan\ncommit"),
        Command("undo", "configure:undo", "take the last change of the working copy back", (),
                "undo\n\nAgain and again, back to what was read from the cluster.", example="delete cache\nundo"),
        Command("graph", "drawing:graph", "draw the configuration",
                (Argument("dot", "", ("dot",), optional=True), Argument("FILE", "files", optional=True),
                 Argument("FORMAT", "", ("dot", "svg", "png", "pdf"), optional=True)),
                "graph [dot [FILE [FORMAT]]]\n\nWithout FILE the text for Graphviz. Orders are solid arrows, "
                "colocations dashed, locations dotted.", example="graph dot"),
        Command("rsctest", "rsctest:rsctest", "try resources out with their agents",
                (Argument("RESOURCE", "resources", repeat=True), Argument("NODE", "nodes", optional=True, repeat=True)),
                "rsctest RESOURCE… [NODE…]\n\nThe agent is asked whether the resource is stopped; then it is "
                "started, monitored and stopped,\nin the order given. Nothing that the cluster runs is touched.",
                example="rsctest spare", needs="cluster"),
        Command("refresh", "configure:refresh", "drop the changes and read the configuration again",
                (Argument("force", "", ("force",), optional=True),), "refresh [force]",
                example="delete cache\nrefresh force"),
        Command("load", "configure:load", "take statements from a file",
                (Argument("xml", "load", optional=True), Argument("METHOD", "", ("update", "replace", "push")),
                 Argument("FILE", "files")),
                "load [xml] update|replace|push FILE|URL|-\n\nupdate adds and changes, replace starts from nothing "
                "but the nodes, push also deletes everything that is not in the file.",
                example="load update web.crm"),
        Command("save", "configure:save", "write the configuration to a file",
                (Argument("WORDS", "specs", optional=True, repeat=True), Argument("FILE", "files")),
                "save [xml] [SPEC…] FILE", example="save backup.crm"),
    )


def _changes() -> tuple[Command, ...]:
    return (
        Command("delete", "configure:delete", "delete objects",
                (Argument("ID", "ids", repeat=True),), "delete [--force] ID…\n\nConstraints and tags that would "
                "refer to nothing go too; members of a deleted container stay.", ("rm",), example="delete cache"),
        Command("rename", "configure:rename", "change the id of an object",
                (Argument("OLD", "ids"), Argument("NEW")), "rename OLD NEW", ("ren",), example="rename cache store"),
        Command("modgroup", "configure:modgroup", "add or remove a member of a group",
                (Argument("GROUP", "groups"), Argument("add|remove", "", ("add", "remove")),
                 Argument("RESOURCE", "primitives"), Argument("after|before", "", ("after", "before"), optional=True),
                 Argument("MEMBER", "primitives", optional=True)),
                "modgroup GROUP add RESOURCE [after|before MEMBER]\nmodgroup GROUP remove RESOURCE",
                example="modgroup site add cache after ip"),
        Command("set", "configure:set_value", "set one value", (Argument("PATH"), Argument("VALUE")),
                "set ID.NAME VALUE\nset ID.OP.NAME VALUE\nset ID.OP.INTERVAL.NAME VALUE",
                example="set web.monitor.timeout 30s"),
        Command("filter", "configure:filter_", "pipe the configuration through a command",
                (Argument("COMMAND"), Argument("SPEC", "specs", optional=True, repeat=True)),
                'filter "COMMAND" [SPEC…]"sed s/eth0/eth1/"',
                example="filter \"sed s/timeout=20s/timeout=25s/\""),
        Command("default-timeouts", "configure:default_timeouts", "set the timeouts that agents advise",
                (Argument("ID", "primitives", repeat=True),), "default-timeouts ID…", ("default_timeouts",),
                example="default-timeouts web"),
        Command("erase", "configure:erase", "delete everything but the nodes",
                (Argument("nodes", "", ("nodes",), optional=True),), "erase [nodes]",
                example="erase\nproperty stonith-enabled=false"),
        Command("schema", "configure:schema", "show or change the schema",
                (Argument("NAME", "schemas", optional=True),), "schema [NAME]", example="schema"),
        Command("upgrade", "configure:upgrade", "upgrade to the newest schema",
                (Argument("force", "", ("force",), optional=True),), "upgrade force", example="upgrade force"),
        Command("get_property", "configure:get_property", "show the value of cluster options",
                (Argument("NAME", "properties", repeat=True),),
                "get_property [-t] NAME…\n\n-t prints true or false.", ("get-property", "show_property"),
                example="get_property no-quorum-policy"),
        Command("validate-all", "configure:validate_all", "have an agent check its parameters",
                (Argument("RESOURCE", "primitives"),), "validate-all RESOURCE", ("validate_all",),
                example="validate-all web"),
        Command("ptest", "configure:ptest", "show what the cluster would do with the changes",
                (Argument("WORD", "", ("nograph", "v", "scores", "utilization", "actions"), optional=True,
                          repeat=True),), "ptest [scores] [utilization] [actions]", ("simulate",),
                example="delete web-on-1\nptest actions"),
    )


def configure_level() -> Level:
    return Level(
        "configure", "define resources, constraints and options",
        _commands() + _changes() + _statements() + _other_statements(),
        (Below("ra", "ra:ra_level"), Below("assist", "assist:assist_level"), Below("template", "script:template_level"),
         Below("cib", "cib:cib_level"), Below("cibstatus", "cibstatus:cibstatus_level"),
         Below("history", "history:history_level")),
        "Changes are made to a working copy; `commit` makes them real, `diff` shows them. Leaving the level commits.",
        leave="configure:leave", skill="administrator",
    )
