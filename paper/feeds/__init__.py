"""Where prices come from: recorded candles or a seeded random walk, both as bars over market time."""
