"""Whom does this change concern? Matches changes with alerts, claims them and publishes notifications."""
