"""The threats to the agent as data: each with its control, its test, and how the control is taken away."""
