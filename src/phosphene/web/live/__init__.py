"""Pictures made live: who asked for what, where it stands, and the one hand that makes it."""
