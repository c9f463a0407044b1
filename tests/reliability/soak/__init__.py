"""The soak: a server or a cluster under load for hours, and one trouble after the other."""
