"""Sending what is to be told, and what follows from that."""
