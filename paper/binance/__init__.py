"""The paper Binance USD-M futures."""
