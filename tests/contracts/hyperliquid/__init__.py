"""What Hyperliquid alone has, on top of the contract of all venues (tests/contracts/venue)."""
