"""The tables of the accounts database and of the shards, and the migrations that make them."""
