"""Shadow billing."""
