"""Votes and quorum."""
