"""What networks see in a picture or before a webcam."""
