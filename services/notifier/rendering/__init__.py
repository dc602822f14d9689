"""What travellers read."""
