"""Where each resource is to run: criteria, colocation, assignment of every variant (scheduler actions §3-§8)."""
