"""Rules of AsterDEX alone, asked of the paper server over plain HTTP and WebSocket."""
