"""What several nodes share by way of NATS JetStream: events (ADR 14), keys (ADR 15)."""
