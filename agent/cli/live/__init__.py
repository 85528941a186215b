"""`watch` on a terminal: a table of all cameras that is drawn where it stands."""
