"""How many examples the properties of the language are tried with: `HASHELL_EXAMPLES=2000` for the long run."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

LANGUAGE = settings(
    max_examples=int(os.environ.get("HASHELL_EXAMPLES", "8")), deadline=None, suppress_health_check=list(HealthCheck)
)
