"""Which sub-net a camera should run: pure functions of frozen values, no clock, no I/O."""
