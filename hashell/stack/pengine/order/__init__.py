"""In which order: ordering constraints, relations between actions and their propagation (scheduler actions §11, §12)."""
