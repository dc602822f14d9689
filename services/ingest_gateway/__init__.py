"""Fares in: over HTTP and from sources, checked, gathered into batches and never lost once answered for."""
