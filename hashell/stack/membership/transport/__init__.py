"""Carriers of totem packets."""
