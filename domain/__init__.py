"""Pure trading rules: no I/O, no clock, no Temporal."""
