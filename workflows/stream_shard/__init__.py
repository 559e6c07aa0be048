"""One shard of user streams."""
