"""Lets the tests of the policy engine share their small CIBs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
