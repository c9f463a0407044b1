"""The bus of many processes, on NATS JetStream. Doc: ADR 14."""
