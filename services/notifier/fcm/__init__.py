"""The way to devices through Firebase Cloud Messaging."""
