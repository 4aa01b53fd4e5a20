"""The display options of `hashell monitor --once`: those of crm_mon."""

from __future__ import annotations

import argparse

from hashell.client.view.display import Display


def add_options(parser: argparse._ArgumentGroup) -> None:
    def switch(short: str, long: str, text: str) -> None:
        parser.add_argument(short, long, action="store_true", help=text)

    switch("-n", "--group-by-node", "resources below their nodes")
    switch("-r", "--inactive", "resources that run nowhere, too")
    switch("-f", "--failcounts", "fail counts")
    switch("-o", "--operations", "the history of operations")
    switch("-t", "--timing-details", "the history with times and results")
    switch("-c", "--tickets", "tickets")
    switch("-A", "--show-node-attributes", "node attributes")
    switch("-D", "--hide-headers", "without the summary")
    switch("-R", "--show-detail", "node ids, and every instance of a clone")
    parser.add_argument("--show-description", action="store_true", help="descriptions of resources")
    switch("-b", "--brief", "numbers of resources by agent")
    parser.add_argument("-m", "--fence-history", metavar="LEVEL", nargs="?", const="2", default="1",
                        choices=("0", "1", "2", "3"),
                        help="fencing: 0 none, 1 failed and pending, 2 last successes too, 3 everything")
    parser.add_argument("-L", "--neg-locations", metavar="PREFIX", nargs="?", const="", default=None,
                        help="location constraints that keep resources away, those whose id begins so")


def display_of(options: argparse.Namespace, form: str) -> Display:
    """What to show. XML and JSON always have every section."""
    everything = form in ("xml", "json")
    return Display(
        inactive=options.inactive or everything,
        pending=True,
        description=options.show_description,
        detail=options.show_detail,
        by_node=options.group_by_node,
        brief=options.brief,
        failcounts=options.failcounts or everything,
        operations=options.operations or options.timing_details or everything,
        timing=options.timing_details or everything,
        attributes=options.show_node_attributes or everything,
        tickets=options.tickets or everything,
        bans=options.neg_locations is not None or everything,
        ban_prefix=options.neg_locations or "",
        headers=not options.hide_headers,
        fencing_level=3 if everything else int(options.fence_history),
    )
