"""The Hyperliquid adapter against a paper server in a process of its own."""
