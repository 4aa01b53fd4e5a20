"""Closed process groups."""
