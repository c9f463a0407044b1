"""Three nodes that may be killed; and time enough on a machine that has other work too."""

from pathlib import Path

import pytest

from tests.reliability.server.sizes import SIZES
from tests.server.conftest import nats_cluster

__all__ = ["nats_cluster"]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(SIZES.patience_s))
