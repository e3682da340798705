"""The wallet page in a headless Chromium, driven from Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.clients import NodeProcess

SCRIPT = Path(__file__).with_name("browser.mjs")
OPEN_TIMEOUT_S = 120.0


class BrowserClients(NodeProcess):
    """Users who look at their wallet in a browser, each under a name of the caller's.

    A name sees "signed_in" {uid}, "snapshot" {exists, data}, "failed" {code, message}, "page_error" {message} and, for
    a request to another address than 127.0.0.1, "outside" {url}.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        super().__init__(SCRIPT, env)

    def open(self, name: str, email: str, password: str, path: str | None = None) -> str:
        """Open the page, sign in, listen to one's own wallet document (or to `path`), and return the uid.

        Raises ClientError ("auth/wrong-password", …) when signing in fails.
        """
        answer = self.request("open", OPEN_TIMEOUT_S, name=name, email=email, password=password, path=path)
        return str(answer["uid"])

    def chat(self, name: str, email: str, password: str, path: str) -> str:
        """Open the chat page, which shows the messages of the collection `path`, sign in, and return the uid."""
        answer = self.request("chat", OPEN_TIMEOUT_S, name=name, email=email, password=password, path=path)
        return str(answer["uid"])

    def text(self, name: str, selector: str) -> list[str]:
        """The text of each element that matches."""
        return list(self.request("text", name=name, selector=selector))

    def fetch(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, text: str = ""
    ) -> dict[str, Any]:
        """What a page's own fetch gets: {status, text, error}; `error` is set where the browser allows no answer."""
        answer: dict[str, Any] = self.request(
            "fetch", url=url, method=method, headers=dict(headers or {}), text=text or None
        )
        return answer

    def screenshot(self, name: str, file: Path) -> None:
        """Write the whole page to `file`, as PNG."""
        self.request("screenshot", name=name, file=str(file))
