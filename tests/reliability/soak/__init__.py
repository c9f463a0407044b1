"""The soak: one server under load for hours, and one trouble after the other (``make soak``)."""
