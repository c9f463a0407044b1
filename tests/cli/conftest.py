"""A NATS for commands that need one."""

from tests.server.conftest import nats_node

__all__ = ["nats_node"]
