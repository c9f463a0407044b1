"""The soak: a server or a cluster under load for hours, one trouble after the other (``make soak``)."""
