"""What this release is: its version, which the package takes from here, and the feature set it speaks."""

VERSION = "0.1.0"
#: The CRM feature set this project speaks.
FEATURE_SET = "3.20.0"
