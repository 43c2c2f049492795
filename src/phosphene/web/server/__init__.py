"""The application, the guard in front of it, and the doors that it listens at. No torch."""
