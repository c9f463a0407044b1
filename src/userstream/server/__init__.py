"""The asyncio shell of an exchange's side: it performs what the core decides."""
