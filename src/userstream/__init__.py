"""The user data stream of an exchange, both ends of it."""

__version__ = "0.1.0.dev0"
