"""The node map of the simulated camera, written as tables (facts/firefly-dl.md section 1)."""
