"""A running fleet at a glance: a look at its parts side by side, what is wrong by it in words, and how it is shown.

A look never fails and takes two seconds at the most, whatever is away: that is when somebody needs it.
"""
