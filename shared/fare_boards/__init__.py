"""Fare boards: all current fares of one origin, destination and dates, in one Redis value."""
