"""The local sockets of the ring services: cpg, quorum, votequorum, cmap, cfg."""
