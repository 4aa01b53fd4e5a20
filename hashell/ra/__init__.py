"""Resource agents: what kinds there are, where they lie, what they say about themselves, and how they are run."""
