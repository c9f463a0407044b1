"""Faults on request: what goes wrong between an exchange and a bot, and when.

``fault``, ``plan`` and ``line`` decide and touch nothing; the others perform.
"""
