"""Three nodes that may be killed."""

from tests.server.conftest import nats_cluster

__all__ = ["nats_cluster"]
