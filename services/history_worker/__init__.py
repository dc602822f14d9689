"""What did this route cost over time? Counts changes into the price history of the shards."""
