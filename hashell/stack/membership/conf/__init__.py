"""The reader of corosync.conf."""
