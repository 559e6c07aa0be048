"""Binance USD-M futures: mainnet, demo (testnet) and the paper server, which speaks the same protocol."""
