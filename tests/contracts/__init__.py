"""Contract suites: an adapter against its venue, the paper server by default."""
