"""What the project promises, under faults: over sockets, with processes killed and clocks moved."""
