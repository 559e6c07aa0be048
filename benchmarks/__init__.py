"""Side-by-side measurements; each prints its ratio."""
