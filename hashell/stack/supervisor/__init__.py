"""The supervisor of one node: which daemons run, in what order they start and stop, and what their deaths mean."""
