"""Tests of the ring: totem, its services, corosync.conf and the daemon."""
