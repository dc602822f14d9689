"""A whole cycle measured: fares through every queue and service to a stand-in for FCM, and the books balanced."""
