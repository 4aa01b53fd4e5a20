"""The transition graph as XML and as a dot file (scheduler actions §16, §18.4)."""
