"""Cluster-wide administrative requests."""
