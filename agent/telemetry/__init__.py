"""What is counted, measured and written down."""
