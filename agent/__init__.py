"""ofa-agent: hot-swaps once-for-all sub-nets on a Firefly DL camera."""
