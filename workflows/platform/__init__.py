"""The platform: halt, release, broadcast, watchdog."""
