"""All here are reliability tests: `make reliability` runs them, `make test` does not."""

from pathlib import Path

import pytest

from tests.reliability.server.sizes import SCALED

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("reliability")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == SCALED and report.when == "call":
                    terminalreporter.write_line(f"{report.nodeid}: {SCALED}: {value}")
