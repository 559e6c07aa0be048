"""The paper AsterDEX: the protocol of Binance with conditional orders on the order endpoint and wallet signatures."""
