"""Prometheus metrics of a cluster, under the names of ha_cluster_exporter."""
