"""Benchmarks: each prints its figure, the ceiling measured in the same run, and their ratio."""
