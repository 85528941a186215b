"""Stubs of the agent's own protocol, one package a version."""
