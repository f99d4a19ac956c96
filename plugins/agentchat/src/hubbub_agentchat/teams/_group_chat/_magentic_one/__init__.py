"""The team that a planning model leads."""
