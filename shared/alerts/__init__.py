"""What an alert is to every service: which fares it wants, and the price at which it fires next."""
