"""Stubs of package ofa_agent.v1."""
