"""A user's own wallet, listened to through the Firebase SDK: each change arrives, in Node and in a browser."""

from pathlib import Path

import pytest

from local.clients import ClientError, FirebaseClients
from tests.clients.browser import BrowserClients
from tests.clients.conftest import PASSWORD, Project, email

BALANCES = [100, 90, 80, 180]


class TestNode:
    def test_sees_each_change_of_its_wallet(self, project: Project, firebase: FirebaseClients) -> None:
        uid = firebase.sign_up("listener", email("listener"), PASSWORD).uid
        first = firebase.listen("listener", f"wallets/{uid}", "wallet")
        assert first["exists"] is False
        for balance in BALANCES:
            project.set_balance(uid, balance)
            firebase.wait_for("listener", "wallet", lambda wallet, now=balance: _balance(wallet) == now)
        seen = [_balance(event.args[0]) for event in firebase.events("listener", "wallet")]
        assert seen == [None, *BALANCES]

    def test_listens_to_a_query_of_its_own(self, project: Project, firebase: FirebaseClients) -> None:
        uid = firebase.sign_up("lister", email("lister"), PASSWORD).uid
        own = {"collection": "transactions", "where": [["userId", "==", uid]]}
        assert firebase.listen("lister", own)["docs"] == []
        project.admin.document(f"transactions/{uid}-1").set({"userId": uid, "type": "deposit", "amount": 100})
        seen = firebase.wait_for("lister", "transactions", lambda snapshot: len(snapshot["docs"]) == 1).args[0]
        assert seen["docs"][0]["data"] == {"userId": uid, "type": "deposit", "amount": 100}
        assert seen["changes"] == [{"type": "added", "id": f"{uid}-1"}]

    def test_is_refused_what_is_anothers(self, project: Project, firebase: FirebaseClients) -> None:
        other = firebase.sign_up("other", email("other"), PASSWORD).uid
        project.set_balance(other, 100)
        firebase.sign_up("curious", email("curious"), PASSWORD)
        for attempt in (firebase.listen, firebase.get):
            for target in (f"wallets/{other}", {"collection": "wallets"}):
                with pytest.raises(ClientError) as refused:
                    attempt("curious", target)
                assert refused.value.code == "permission-denied"

    def test_is_refused_when_it_writes(self, project: Project, firebase: FirebaseClients) -> None:
        uid = firebase.sign_up("writer", email("writer"), PASSWORD).uid
        project.set_balance(uid, 100)
        with pytest.raises(ClientError) as refused:
            firebase.set("writer", f"wallets/{uid}", {"balance": 1_000_000})
        assert refused.value.code == "permission-denied"
        assert _balance(firebase.get("writer", f"wallets/{uid}")) == 100

    def test_anonymous_reads_public_profiles_alone(self, project: Project, firebase: FirebaseClients) -> None:
        project.admin.document("experts/ravi").set({"firebaseUid": "ravi", "name": "Ravi"})
        assert firebase.get("passer-by", "experts/ravi")["data"]["name"] == "Ravi"
        with pytest.raises(ClientError) as refused:
            firebase.get("passer-by", "wallets/ravi")
        assert refused.value.code == "permission-denied"

    def test_signs_in_again_and_unlistens(self, project: Project, firebase: FirebaseClients) -> None:
        address = email("again")
        uid = firebase.sign_up("again", address, PASSWORD).uid
        firebase.sign_out("again")
        with pytest.raises(ClientError, match="isn't signed in"):
            firebase.id_token("again")
        assert firebase.sign_in("again", address, PASSWORD).uid == uid
        assert firebase.id_token("again", force=True).count(".") == 2
        firebase.listen("again", f"wallets/{uid}")
        firebase.unlisten("again", f"wallets/{uid}")
        with pytest.raises(ClientError, match="no listener"):
            firebase.unlisten("again", f"wallets/{uid}")


class TestBrowser:
    def test_reports_a_wrong_password(self, firebase: FirebaseClients, browser: BrowserClients) -> None:
        address = email("forgetful")
        firebase.sign_up("forgetful", address, PASSWORD)
        with pytest.raises(ClientError) as refused:
            browser.open("forgetful", address, "not-the-password")
        assert refused.value.code == "auth/wrong-password"

    def test_sees_each_change_of_its_wallet(
        self, project: Project, firebase: FirebaseClients, browser: BrowserClients, tmp_path: Path
    ) -> None:
        address = email("viewer")
        uid = firebase.sign_up("viewer", address, PASSWORD).uid
        project.set_balance(uid, BALANCES[0])
        assert browser.open("viewer", address, PASSWORD) == uid
        for balance in BALANCES:
            browser.wait_for("viewer", "snapshot", lambda wallet, now=balance: _balance(wallet) == now)
            if balance != BALANCES[-1]:
                project.set_balance(uid, BALANCES[BALANCES.index(balance) + 1])
        assert [_balance(event.args[0]) for event in browser.events("viewer", "snapshot")] == BALANCES
        assert browser.text("viewer", "#balance") == ["₹180.00"]
        assert browser.text("viewer", "#changes li span:nth-child(2)") == ["+₹100.00", "-₹10.00", "-₹10.00"]
        browser.screenshot("viewer", tmp_path / "wallet.png")
        assert (tmp_path / "wallet.png").read_bytes().startswith(b"\x89PNG")
        assert browser.events("viewer", "page_error") == []
        assert browser.events("viewer", "outside") == [], "the page asked another address than this machine's"

    def test_shows_that_anothers_wallet_is_refused(
        self, project: Project, firebase: FirebaseClients, browser: BrowserClients
    ) -> None:
        address = email("intruder")
        firebase.sign_up("intruder", address, PASSWORD)
        browser.open("intruder", address, PASSWORD, path="wallets/somebody")
        assert browser.wait_for("intruder", "failed").args[0]["code"] == "permission-denied"
        assert browser.text("intruder", "#status") == ["Refused"]


def _balance(snapshot: dict) -> int | None:
    return (snapshot["data"] or {}).get("balance")
