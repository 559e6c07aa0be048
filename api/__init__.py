"""The HTTP interface: starts, signals, updates and queries workflows."""
