"""The stores: one in memory, one in a folder."""
