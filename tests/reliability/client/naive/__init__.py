"""Bots as people write them, each with a mistake that looks like none. They must fail the course.

``run`` is the bot. Its book is what its author's code makes of the events.
"""
