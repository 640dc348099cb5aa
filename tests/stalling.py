"""A network that forgets connections: they stay open, and nothing comes through any more."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import URL
    from typing_extensions import Self


class StallingProxy:
    """Listens on loopback and passes everything on to a server, until it is told to stall.

    Attributes:
        connections: How many connections it has taken.
    """

    def __init__(self, url: URL) -> None:
        """Pass on to the server of ``url``."""
        self._url = url
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._server]
        self._stalled: set[int] = set()
        self.connections = 0

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and close every connection."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    @property
    def url(self) -> URL:
        """The URL of the server by way of this proxy."""
        return self._url.set(host="127.0.0.1", port=self._server.getsockname()[1])

    def stall(self) -> None:
        """Pass nothing on any more over the connections that there are."""
        self._stalled = set(range(1, self.connections + 1))

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self.connections += 1
                server = socket.create_connection((str(self._url.host), int(self._url.port or 0)))
                self._sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    pump = threading.Thread(target=self._pump, args=(self.connections, source, sink), daemon=True)
                    pump.start()

    def _pump(self, number: int, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if number not in self._stalled:  # else the bytes are lost
                    sink.sendall(data)
            if number not in self._stalled:
                sink.shutdown(socket.SHUT_WR)
