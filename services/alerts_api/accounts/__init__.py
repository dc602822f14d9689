"""Who the travellers are, and how they show it."""
