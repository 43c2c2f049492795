"""Results on disk or object storage. No torch."""
