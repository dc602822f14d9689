"""What travellers were told, and what became of it."""
