"""What would happen: one scheduler run over a CIB, the transition carried out on a copy, the state after it."""
