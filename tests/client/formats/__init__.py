"""Cursor files as each release left them, and what is in them.

``python -m tests.client.formats`` makes the one of this version: before a release, and never again.
"""
