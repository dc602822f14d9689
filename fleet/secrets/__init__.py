"""Secrets of a fleet in containers, for development: passwords, addresses that hold them, tokens and keys."""
