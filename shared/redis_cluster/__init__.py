"""Redis Cluster: its nodes, which slots they serve, and calls that are in parts because their keys are."""
