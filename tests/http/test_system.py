"""Health, the documents and the documentation page; and that none of it loads what it does not need."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from konnect.context import Context
from konnect.http import VERSION
from konnect.http.app import serve
from konnect.http.routes import ROUTES
from tests.http.serving import served

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def url(web_context: Context) -> Iterator[str]:
    with served(lambda request: serve(request, ROUTES, web_context)) as address:
        yield address


def test_health(url: str) -> None:
    answer = requests.get(f"{url}/health").json()
    assert answer.pop("time").endswith("Z")
    assert answer == {"status": "ok", "version": VERSION}


def test_version_is_the_projects() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize(("name", "key"), [("openapi", "openapi"), ("asyncapi", "asyncapi")])
def test_documents_are_served_and_revalidated(url: str, name: str, key: str) -> None:
    answer = requests.get(f"{url}/api/{name}.json")
    assert answer.json()[key].startswith("3.")
    assert answer.headers["Content-Encoding"] == "gzip"
    again = requests.get(f"{url}/api/{name}.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = requests.get(f"{url}/api/{name}.json", headers={"Accept-Encoding": "identity"})
    assert plain.content == answer.content
    assert "Content-Encoding" not in plain.headers


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        link = named.get("src") or named.get("href") or ""
        self.inline = self.inline or (tag == "script" and "src" not in named)
        if link and not link.startswith("data:"):
            self.found.append(link)


def test_page_has_all_it_links_to_and_nothing_foreign(url: str) -> None:
    page = requests.get(f"{url}/api")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "https:" not in policy
    links = Links()
    links.feed(page.text)
    assert not links.inline
    assert len(links.found) >= 6
    for link in links.found:
        assert link.startswith("/")
        assert requests.get(urljoin(url, link)).status_code == 200


def test_assets_are_named_ones_only(url: str) -> None:
    for asset in ("page.html", "flask_swagger_ui.py", "..%2Fapp.py", "swagger-ui.js"):
        assert requests.get(f"{url}/api/docs/{asset}").status_code == 404


def test_health_loads_no_client() -> None:
    """A cold start pays for what is imported: the HTTP layer alone needs none of Google's clients, and no PyJWT."""
    script = (
        "import sys; from konnect.http import app, routes, tasks; from flask import Request; "
        "from werkzeug.test import EnvironBuilder; "
        "answer = app.serve(Request(EnvironBuilder(path='/health').get_environ()), routes.ROUTES); "
        "clients = ('google.cloud.firestore', 'google.api_core', 'grpc', 'firebase_admin', 'jwt'); "
        "heavy = [m for m in clients if m in sys.modules]; "
        "assert (answer.status_code, heavy) == (200, []), (answer.status_code, heavy)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT / "functions", timeout=120)
