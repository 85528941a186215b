"""Fuzzing: what reads bytes from outside gets millions of broken ones (`make fuzz`, tests.fuzz.__main__)."""
