"""What the paper Binance and the paper AsterDEX have in common, asked over plain HTTP and WebSocket."""
