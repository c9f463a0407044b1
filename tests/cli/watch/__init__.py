"""userstream watch."""
