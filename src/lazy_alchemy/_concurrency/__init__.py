"""Who loads what, and who waits for whom: threads, asyncio, trio, and what a fork does to their locks."""
