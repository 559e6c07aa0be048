"""Rules of Binance USD-M alone, asked of the paper server over plain HTTP and WebSocket."""
