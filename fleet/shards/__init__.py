"""The shard map at work: what each shard holds, whether that is as it should be, and buckets moved between them."""
