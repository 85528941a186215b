"""What the SDK knows whatever camera is there: names of QuickSpin attributes and numbers of enumeration constants."""
