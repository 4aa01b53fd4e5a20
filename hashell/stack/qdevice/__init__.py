"""The quorum device of a node: asks a corosync-qnetd for its vote, and casts it (model net)."""
