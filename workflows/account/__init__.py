"""One account: reconciliation, day boundary, breaker, supervision."""
