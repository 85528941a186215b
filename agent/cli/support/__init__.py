"""What goes into a support bundle: collected, redacted, packed."""
