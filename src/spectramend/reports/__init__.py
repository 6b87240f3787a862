"""Pages to look at and listen to."""
