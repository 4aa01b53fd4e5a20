"""The state of a cluster as text: the lists that status commands and simulations print (actions spec chapter 18)."""
