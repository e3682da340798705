"""Messages in a real page: tags are shown, and do nothing."""

from dataclasses import replace

from konnect.messaging import membership, service
from konnect.store import Database
from local.clients import FirebaseClients
from tests import support
from tests.clients.browser import BrowserClients
from tests.clients.conftest import PASSWORD, Project, email
from tests.experts import world
from tests.messaging.conftest import UNLIMITED

HOSTILE = [
    "<script>window.ran = 'script'</script>",
    "<img src=x onerror=\"window.ran = 'image'\">",
    "<svg/onload=window.ran='svg'>",
    '<a href="javascript:window.ran=1">pay here</a>',
    "</li><iframe srcdoc=\"<script>parent.ran='frame'</script>\"></iframe>",
    "for (let i = 0; i < 3 && j > 0; i++)\n\tprint('नमस्ते');",
]


def test_what_was_said_is_shown_as_it_was_said(
    project: Project, firebase: FirebaseClients, browser: BrowserClients
) -> None:
    ctx = replace(support.new_context(), db=Database(project.env["GOOGLE_CLOUD_PROJECT"]))
    address = email("reader")
    uid = firebase.sign_up("reader", address, PASSWORD).uid
    world.finished_session(ctx, f"chat-{uid}", user=uid, expert_id="asha", status="in_progress")
    of = membership.find(ctx.db, f"chat-{uid}")
    for text in HOSTILE:
        service.send(ctx, of, "asha", f"{text}\u202e\u200b", limit=UNLIMITED)
    assert browser.chat("reader", address, PASSWORD, f"sessions/chat-{uid}/messages") == uid
    browser.wait_for("reader", "shown", lambda shown: shown["count"] == len(HOSTILE))
    # One more round trip, in which whatever had been loaded would have run.
    service.send(ctx, of, "asha", "last", limit=UNLIMITED)
    shown = browser.wait_for("reader", "shown", lambda shown: shown["count"] == len(HOSTILE) + 1).args[0]
    assert (shown["made"], shown["ran"]) == ([], None)
    assert browser.text("reader", "#messages li") == [*HOSTILE, "last"]
    assert browser.events("reader", "page_error") == []
    assert browser.events("reader", "outside") == []
