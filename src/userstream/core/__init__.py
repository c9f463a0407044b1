"""What is decided: listen keys, sessions, publishing, requests. Nothing here does anything."""
