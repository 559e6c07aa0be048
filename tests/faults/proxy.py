"""A TCP proxy that can cut and black-hole what passes through it; it runs in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading

_CHUNK = 65_536


class Proxy:
    """Forwards one port to another until it is told to cut or to hold."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._pairs: set[asyncio.StreamWriter] = set()
        self._passes = True
        self._flows = asyncio.Event()
        self._flows.set()
        self.port = 0

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self.port = server.result(10).sockets[0].getsockname()[1]

    def hold(self) -> None:
        """Let nothing through and say nothing: what was sent meanwhile arrives late, when the wire heals."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def cut(self) -> None:
        """Drop every connection and let none through: both sides see a reset."""
        self._passes = False
        asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result(10)

    def heal(self) -> None:
        """Let connections through again."""
        self._passes = True
        self._loop.call_soon_threadsafe(self._flows.set)

    def stop(self) -> None:
        """End the thread."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _close_all(self) -> None:
        for writer in list(self._pairs):
            writer.close()
        self._pairs.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._passes:
            writer.close()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        self._pairs |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._pairs -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()
