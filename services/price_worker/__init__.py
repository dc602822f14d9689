"""Is this fare a change? Compares fares with their boards and publishes what changed."""
