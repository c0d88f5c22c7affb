"""A cable to a real server that can be cut, or can fall silent, in the middle of a load."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cable:
    """Forwards connections to a port of this machine, and counts the requests that post something."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._open: list[socket.socket] = []
        self._cut_at: int | None = None
        self._silent_at: int | None = None
        self._speaks = threading.Event()
        self.posts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.is_silent = threading.Event()
        self._listen()

    def cut_after(self, posts: int) -> None:
        """Let some more posts pass, then end all connections and refuse new ones."""
        self._cut_at = self.posts + posts

    def fall_silent_after(self, posts: int) -> None:
        """Let some more posts pass, then forward nothing; `is_silent` is set then."""
        self._silent_at = self.posts + posts

    def mend(self) -> None:
        """Forward again."""
        self._cut_at = self._silent_at = None
        self.is_silent.clear()
        self._speaks.set()
        if self._listener.fileno() == -1:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listen()

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        for one in [self._listener, *self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _listen(self) -> None:
        self._speaks.set()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to_port))
                self._open += [client, server]
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if data.startswith(b"POST "):
                    self._count()
                self._speaks.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _count(self) -> None:
        if self.posts == self._cut_at:
            self.cut()
        if self.posts == self._silent_at:
            self._speaks.clear()
            self.is_silent.set()
        self.posts += 1


@contextmanager
def cable(to_port: int) -> Iterator[Cable]:
    """Lay a cable for a `with` block."""
    laid = Cable(to_port)
    try:
        yield laid
    finally:
        laid.mend()
        laid.cut()
