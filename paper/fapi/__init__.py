"""What Binance USD-M and AsterDEX share: one protocol on the engine, told apart by a dialect."""
