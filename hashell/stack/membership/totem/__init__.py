"""The totem single ring protocol and message packing."""
