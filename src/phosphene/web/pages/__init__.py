"""A store as the documents that pages are made of. No torch."""
