"""Offline: from a supernet to a library of deployable sub-nets."""
