"""What is measured by `make bench`: one module for each part of the agent, with a function `figures`."""
