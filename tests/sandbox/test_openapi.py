"""The OpenAPI documents that the sandbox makes of its dialects."""

from __future__ import annotations

import pytest

from userstream.markets import SANDBOX_MARKETS
from userstream.sandbox.openapi import openapi
from userstream.trading import TradingDialect
from userstream.venues import load, load_orders, names


def dialect(name: str) -> TradingDialect:
    return load_orders(name, None, SANDBOX_MARKETS)


@pytest.mark.parametrize("name", names())
def test_every_call_and_parameter_is_described(name: str) -> None:
    made = openapi(load(name), dialect(name), "http://127.0.0.1:8080/x")
    assert made["servers"] == [{"url": "http://127.0.0.1:8080/x"}]
    described = {
        (method.upper(), path): operation
        for path, operations in made["paths"].items()
        for method, operation in operations.items()
    }
    assert described.keys() == {(e.method, e.path) for e in dialect(name).endpoints}
    for endpoint in dialect(name).endpoints:
        operation = described[endpoint.method, endpoint.path]
        parameters = {p["name"]: p for p in operation["parameters"]}
        assert {p.name for p in endpoint.params} <= parameters.keys()
        assert all(parameters[p.name]["required"] is p.required for p in endpoint.params)
        assert ("timestamp" in parameters) is ("security" in operation)
        for param in endpoint.params:
            schema = parameters[param.name]["schema"]
            assert schema.get("enum", list(param.words)) == list(param.words)
    assert len({o["operationId"] for o in described.values()}) == len(described)
