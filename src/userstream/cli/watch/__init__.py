"""``userstream watch``: an account's stream, live in a terminal."""
