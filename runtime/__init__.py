"""Settings, Temporal client and converter, telemetry, secrets and local services."""
