"""Side-by-side measurements; each prints its ratio from one run on one server."""
