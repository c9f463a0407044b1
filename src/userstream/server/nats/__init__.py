"""What several nodes share by way of NATS JetStream."""
