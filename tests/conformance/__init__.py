"""Our parsers and our paper venues against what the real venues answered, and against clients that are not ours."""
