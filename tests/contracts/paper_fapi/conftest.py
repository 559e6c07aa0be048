"""Both venues, each as one process; rules in common are asked of both."""

from tests.contracts.paper_fapi.venues import running_of, server, trader, venue

__all__ = ["running", "server", "trader", "venue"]

running = running_of("binance", "aster")
