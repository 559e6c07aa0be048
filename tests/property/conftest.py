"""The same examples on every run and no deadline: a loaded machine must not fail what is right.

`HYPOTHESIS_PROFILE=explore` draws new examples, many more of them.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "same", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", deadline=None, max_examples=5000, database=None, suppress_health_check=[*HealthCheck]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
