"""A folder for the module path of programs that say `import PySpin`; see `agent/sim/binding.py`."""
