"""When a traveller is told what."""
