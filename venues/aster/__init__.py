"""AsterDEX perpetuals: mainnet, testnet and the paper server, which speaks the same protocol."""
