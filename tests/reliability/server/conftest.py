"""Fixtures of the store's own tests."""

from tests.server.stores.conftest import ledger, power_cut, site
from tests.server.stores.test_rocks_damage import left

__all__ = ["ledger", "left", "power_cut", "site"]
