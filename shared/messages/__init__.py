"""The messages that services exchange: their shape, how they are read and what makes one invalid."""
