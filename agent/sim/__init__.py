"""Simulated camera, production line and parts."""
