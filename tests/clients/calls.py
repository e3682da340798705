"""Call pages in a headless Chromium with fake devices, driven from Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.clients import NodeProcess
from local.person import Person

SCRIPT = Path(__file__).with_name("calls.mjs")
OPEN_TIMEOUT_S = 120.0


class CallPages(NodeProcess):
    """People who sit before the call page, each under a name of the caller's, on an instance of signaling.

    A name sees every event of the server, "signed_in" {uid, iceServers}, "connect" {sid, session, error}, "disconnect"
    {reason}, "offered", "state" {connection}, "closed" {state}, "page_error" {message} and, for a request to another
    address than 127.0.0.1, "outside" {url}.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        super().__init__(SCRIPT, env)

    def open(self, name: str, person: Person, user_type: str, signaling_url: str) -> None:
        """Open the page, sign in, connect and register. Raises ClientError when signing in fails."""
        self.request(
            "open",
            OPEN_TIMEOUT_S,
            name=name,
            email=person.email,
            password=person.password,
            userType=user_type,
            signaling=signaling_url,
        )

    def emit(self, name: str, event: str, payload: Mapping[str, Any]) -> Any:
        """Emit an event of the page's socket; its acknowledgement."""
        return self.request("run", name=name, method="emit", args=[event, payload])

    def stats(self, name: str) -> dict[str, Any]:
        """What the page's connection receives: connection, packetsReceived and totalAudioEnergy of the sound,
        framesDecoded of the picture, both ends' addresses, the tracks' kinds, and its own ICE user fragment."""
        return dict(self.request("run", name=name, method="stats"))

    def brightness(self, name: str) -> float:
        """The mean brightness of the picture that the page shows of the other side, 0 to 255."""
        return float(self.request("run", name=name, method="brightness"))

    def click(self, name: str, selector: str) -> None:
        self.request("click", name=name, selector=selector)

    def text(self, name: str, selector: str) -> str:
        """The text of the one element that matches."""
        (found,) = self.request("text", name=name, selector=selector)
        return str(found)

    def cut(self, name: str) -> None:
        """Drop the page's connection to signaling without goodbye. It reconnects by itself."""
        self.request("cut", name=name)

    def hold(self, name: str) -> None:
        """Keep back what signaling sends to the page, until `release`."""
        self.request("hold", name=name)

    def release(self, name: str) -> None:
        self.request("release", name=name)

    def screenshot(self, name: str, file: Path) -> None:
        """Write what is seen of the page to `file`, as PNG."""
        self.request("screenshot", name=name, file=str(file))
