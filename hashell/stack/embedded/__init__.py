"""Several nodes on this machine, without root: for trial, demonstration and tests."""

from hashell.stack.embedded.cluster import EmbeddedCluster, NodeStatus

__all__ = ["EmbeddedCluster", "NodeStatus"]
