"""`hashell exporter`: serves the metrics over HTTP."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIServer

from hashell.client.source import FileSource, find_source
from hashell.model.exitcodes import ExitCode

#: The port of ha_cluster_exporter.
PORT = 9664


def main(argv: list[str]) -> int:
    """Serve until interrupted. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="hashell exporter", allow_abbrev=False,
        description="Prometheus metrics of the cluster under the names of ha_cluster_exporter, at /metrics.",
    )  # fmt: skip
    parser.add_argument("-N", "--node", default="", help="the embedded node to talk to")
    parser.add_argument("-x", "--file", metavar="FILE", default="", help="a CIB file in place of a cluster")
    parser.add_argument("--host", default="0.0.0.0", help="the address to listen on (all)")
    parser.add_argument("--port", type=int, default=PORT, help=f"the port to listen on ({PORT})")
    parser.add_argument("--once", action="store_true", help="print the metrics and end")
    try:
        options = parser.parse_args(argv)
    except SystemExit as error:
        return int(ExitCode.USAGE) if error.code else 0
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ModuleNotFoundError:
        print("error: the exporter needs prometheus_client (pip install 'hashell[exporter]')", file=sys.stderr)
        return int(ExitCode.NOT_INSTALLED)
    from hashell.exporter.collector import ClusterCollector

    registry = CollectorRegistry(auto_describe=False)
    source = FileSource(Path(options.file)) if options.file else find_source(node=options.node)
    registry.register(ClusterCollector(source))
    if options.once:
        sys.stdout.write(generate_latest(registry).decode())
        return 0
    try:
        server, thread = serve(registry, options.host, options.port)
    except OSError as error:
        print(f"error: cannot listen on {options.host} port {options.port}: {error.strerror} (choose another --port)",
              file=sys.stderr)
        return int(ExitCode.OSERR)
    print(f"metrics of {source} at http://{options.host}:{server.server_port}/metrics", flush=True)
    try:
        thread.join()
    except KeyboardInterrupt:
        server.shutdown()
    return 0


def serve(registry: object, host: str, port: int) -> tuple[WSGIServer, threading.Thread]:
    """Start answering in a thread. Raises OSError when the address is taken."""
    from prometheus_client import start_http_server

    server, thread = start_http_server(port, host, registry)  # type: ignore[arg-type]
    return server, thread


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
