"""The paper AsterDEX as one process."""

from tests.contracts.paper_fapi.venues import running_of, server, trader, venue

__all__ = ["running", "server", "trader", "venue"]

running = running_of("aster")
