"""Paper servers that speak the protocols of real venues."""
