"""Fares that are fetched: travel APIs that are searched by a schedule, and folders in which files appear."""
