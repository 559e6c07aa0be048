"""The market engine: books, margin, triggers, funding and liquidation; synchronous, one thread, no protocol."""
