"""Daemons that do nothing, for tests of the supervisor."""
