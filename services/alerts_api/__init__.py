"""The mobile app's API: travellers register, enter their devices, and make and see their alerts."""
