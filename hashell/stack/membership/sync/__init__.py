"""The synchronisation of services after a membership change."""
