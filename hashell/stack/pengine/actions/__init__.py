"""What has to be done: creation of operations, probes, fencing, notifications (scheduler actions §9, §10, §13-§15)."""
