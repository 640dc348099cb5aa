"""A network between a program and a database server: every round trip takes as long as one is told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import URL
    from typing_extensions import Self

_CHUNK = 65536


class Proxy:
    """Listens on loopback and passes everything on to ``host``:``port``, what a client sends only after a delay.

    What is sent together travels together, in its order, so a round trip takes ``delay`` longer than without.

    Attributes:
        trips: How many round trips there were: how often the client has sent something since the server last did.
    """

    def __init__(self, host: str, port: int, delay: float) -> None:
        """Pass on to ``host``:``port``, ``delay`` seconds later."""
        self._target = (host, port)
        self._delay = delay
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.port = 0
        self.trips = 0

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and close every connection."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def url(self, url: URL) -> URL:
        """Return ``url`` by way of this proxy."""
        return url.set(host="127.0.0.1", port=self.port)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._pumps: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(*self._target)
        self._writers += [writer, forth]
        answered = [True]  # whether the server has sent something since the client did
        for source, sink, delay, is_client in ((reader, forth, self._delay, True), (back, writer, 0.0, False)):
            task = asyncio.get_running_loop().create_task(self._pump(source, sink, delay, answered, is_client))
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        delay: float,
        answered: list[bool],
        is_client: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(_CHUNK):
                self.trips += is_client and answered[0]
                answered[0] = not is_client
                if delay:
                    loop.call_later(delay, sink.write, chunk)
                else:
                    sink.write(chunk)
                    await sink.drain()
        loop.call_later(delay, sink.close)
