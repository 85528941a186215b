"""The simulated SDK under the vendor's name: a package whose names live in its module of the same name."""

# ruff: noqa: F403 - so does the vendor's
from .PySpin import *
