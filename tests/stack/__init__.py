"""Stacks of real parts: a paper exchange as a process, a Postgres, and what stands on them."""
