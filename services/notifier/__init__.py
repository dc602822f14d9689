"""The notifier: tells travellers on their devices that an alert of theirs has fired or ended."""
