"""The typed key store."""
