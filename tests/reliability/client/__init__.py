"""UserStream under faults, and naive clients that do not come through them."""
