"""The gateway's door: fares that producers push over HTTP."""
