"""Fares as people and price pages write them down, column by column in texts, and what these mean."""
