"""Stubs generated from proto/ by tools/generate_stubs.py; never edited by hand."""
