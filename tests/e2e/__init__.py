"""End-to-end tests: the fleet as processes."""
