"""Train the weight-shared supernet of family `ofa-small`; the only package that imports torch.

`python -m agent.builder.train --help` for the command; deploy/demo/README.md for the shipped run.
"""
