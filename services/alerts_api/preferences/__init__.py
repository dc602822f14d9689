"""How travellers want to be told."""
