"""Changing the network on a camera: plan, state machine, transaction."""
