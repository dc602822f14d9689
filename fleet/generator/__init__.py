"""Plausible fares for the demo and the benches, the same ones for the same seed."""

from fleet.generator.cycles import Generator, Low

__all__ = ["Generator", "Low"]
