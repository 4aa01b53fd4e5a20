"""Several nodes on this machine, without root: for trial, demonstration and tests."""

from hashell.stack.embedded.cluster import EmbeddedCluster, NodeStatus, default_dir

__all__ = ["EmbeddedCluster", "NodeStatus", "default_dir"]
