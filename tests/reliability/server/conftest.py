"""Fixtures of the store's own tests; and time enough on a machine that has other work too."""

from pathlib import Path

import pytest

from tests.reliability.server.sizes import SIZES
from tests.server.stores.conftest import ledger, power_cut, site
from tests.server.stores.test_rocks_damage import left

__all__ = ["ledger", "left", "power_cut", "site"]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(SIZES.patience_s))
