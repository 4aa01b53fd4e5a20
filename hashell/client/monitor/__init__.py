"""What the monitor shows besides the board: what happened, operations, the ring, stories, what would happen."""
