"""What Binance USD-M futures and AsterDEX have in common: one REST and stream protocol, told apart by a dialect."""
