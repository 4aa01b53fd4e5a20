"""The quorum view of the membership."""
