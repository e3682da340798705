"""How python-socketio encodes, decodes and logs here: its public settings, as measured (facts of the project)."""

import json
import logging
import re
import time
from typing import Any

import orjson
import socketio.packet

log = logging.getLogger("signaling.socketio")

MAX_ATTACHMENTS = 4
LINES_PER_S = 5
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class OrJson:
    """orjson with the standard library's signatures."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            # Half a character: browsers send what a text was cut to. It has to get a coded error, and its sender an
            # acknowledgement; validation refuses it, by its field.
            if _SURROGATE.search(text if isinstance(text, str) else text.decode("utf-8", "replace")) is None:
                raise
            return json.loads(text)


class Packet(socketio.packet.Packet):  # type: ignore[misc]
    """No event of ours is binary: a few attachments get a coded error, more would only fill the memory."""

    def decode(self, encoded_packet: Any) -> int:
        attachments = int(super().decode(encoded_packet) or 0)
        if attachments > MAX_ATTACHMENTS:
            raise ValueError("too many attachments")
        return attachments


class QuietLogger:
    """Drops what the library says of each packet; errors pass, a few a second, since a client's rubbish causes them."""

    level = logging.ERROR

    def __init__(self) -> None:
        self._second = 0
        self._lines = 0

    def debug(self, *_: Any, **__: Any) -> None:
        pass

    info = warning = debug

    def error(self, message: str, *args: Any, **options: Any) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= LINES_PER_S:
            log.error(message, *args, **options)

    def exception(self, message: str, *args: Any, **_: Any) -> None:
        self.error(message, *args, exc_info=True)

    critical = error
