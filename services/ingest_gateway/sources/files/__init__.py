"""Fares that come as files: a folder is watched, and each file that has been written to its end is read once."""
