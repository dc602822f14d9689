"""Making, reading and changing alerts."""
