"""The exporter: names and values of its metrics, and that it always answers."""

from __future__ import annotations

import threading
import urllib.request
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from hashell.client.source import FileSource
from hashell.exporter.collector import ClusterCollector
from hashell.exporter.main import main, serve
from hashell.model.xmltext import pretty
from tests.tui.clusters import cluster


def scrape(path: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ClusterCollector(FileSource(path)))
    server, thread = serve(registry, "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        thread.join(60)
        assert isinstance(thread, threading.Thread)
    return {(s.name, frozenset(s.labels.items())): s.value for f in text_string_to_metric_families(text)
            for s in f.samples}  # fmt: skip


def test_metrics_of_a_cluster(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_text(pretty(cluster(db_failed=True, standby=3)))
    found = scrape(path)

    def value(metric: str, **labels: str) -> float:
        return found["ha_cluster_" + metric, frozenset(labels.items())]

    assert value("pacemaker_nodes", node="node1", type="member", status="dc") == 1
    assert value("pacemaker_nodes", node="node3", type="member", status="standby") == 1
    assert value("pacemaker_fail_count", node="node2", resource="db") == 1
    assert value("pacemaker_stonith_enabled") == 0
    assert value("scrape_success", collector="pacemaker") == 1
    assert value("pacemaker_resources", node="node2", resource="db", role="started", managed="true", status="failed",
                 agent="ocf:pacemaker:Dummy", group="", clone="") == 1
    assert value("pacemaker_resources", node="node1", resource="disk", role="promoted", managed="true",
                 status="active", agent="ocf:linbit:drbd", group="", clone="disk-clone") == 1
    assert value("pacemaker_location_constraints", constraint="cli-prefer-db", node="node2", resource="db",
                 role="started") == float("inf")
    assert value("pacemaker_node_attributes", node="node1", name="master-disk", value="100") == 1


def test_a_cluster_that_is_gone_is_an_answer_too(tmp_path: Path) -> None:
    found = scrape(tmp_path / "none.xml")
    assert found["ha_cluster_scrape_success", frozenset({("collector", "pacemaker")})] == 0
    assert not any(name.startswith("ha_cluster_pacemaker") for name, _ in found)


def test_bad_options_and_help() -> None:
    assert main(["--nonsense"]) == 64
    assert main(["--help"]) == 0
