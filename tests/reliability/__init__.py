"""The reliability list: `make soak` and `make fuzz` play it, `reliability.json` says how often and what failed.

| module | its part |
|---|---|
| `catalogue.py` | the fifteen items: what is promised, how many cases are asked, what plays them |
| `recorder.py` | the fixture `reliability` that tests count with, and the pytest plugin that notes what failed |
| `part.py` | what one run of one proof came to |
| `ledger.py` | `reliability.json`: the parts of each item, and what they come to together |
| `proofs.py` | how a proof is run: as tests, as a fuzz target, as a booted machine, as a flooded server |
| `__main__.py`, `table.py` | `make soak`: runs the proofs, the short ones first, and tells of each item in a table |
"""
