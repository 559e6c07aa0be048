"""The unmodified SDK against the paper Hyperliquid as a process of its own."""
