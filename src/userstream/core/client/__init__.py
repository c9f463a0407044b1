"""The client's side: what one account's stream does over many sockets and listen keys.

``Feed`` is the whole of it for a shell; the machines below it each decide one thing.
"""
