"""GET /api/wallet, the list of transactions."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from konnect import ids
from konnect.context import Context
from konnect.wallet import transactions
from tests.payments.api import Api, User, error_code, serve
from tests.support import START, give, new_context

UID = "meera"


@pytest.fixture
def own() -> Context:
    context = new_context()
    return replace(context, settings=context.settings.model_copy(update={"firebase_auth_emulator_host": "127.0.0.1:1"}))


@pytest.fixture
def api(own: Context) -> Iterator[Api]:
    with serve(own) as served:
        yield served


@pytest.fixture
def user(api: Api) -> User:
    return api.user(UID)


def write(ctx: Context, type: transactions.Type, status: transactions.Status, minute: int, uid: str = UID) -> str:
    transaction_id = ids.new()
    ctx.run(
        lambda tx: transactions.write(
            tx,
            transaction_id,
            uid=uid,
            type=type,
            status=status,
            amount_paise=1050,
            description="Test",
            reference_id="s1",
            now=START + timedelta(minutes=minute),
        )
    )
    return transaction_id


# The wallet


def test_a_wallet_is_opened_at_the_first_look(user: User) -> None:
    response = user.get("/api/wallet")
    assert response.status_code == 200
    wallet = response.json()
    assert wallet == {
        "id": UID,
        "userId": UID,
        "balance": 0,
        "balancePaise": 0,
        "withdrawable": 0,
        "withdrawablePaise": 0,
        "currency": "INR",
        "createdAt": wallet["createdAt"],
        "updatedAt": wallet["createdAt"],
    }
    assert wallet["createdAt"].endswith("Z")
    assert user.get("/api/wallet").json() == wallet


def test_a_wallet_with_money(own: Context, user: User) -> None:
    give(own, UID, 50050)
    give(own, UID, 2000, part="earned")
    wallet = user.get("/api/wallet").json()
    assert (wallet["balance"], wallet["balancePaise"]) == (520.5, 52050)
    assert (wallet["withdrawable"], wallet["withdrawablePaise"]) == (20, 2000)
    assert wallet["createdAt"] == "2026-01-05T10:00:00.000Z"


@pytest.mark.parametrize("path", ["/api/wallet", "/api/wallet/transactions", "/api/wallet/transactions/t1"])
def test_anonymous(api: Api, path: str) -> None:
    assert api.user(None).get(path).status_code == 401


# Transactions


def test_transactions_are_listed_newest_first_by_type_and_status(own: Context, user: User) -> None:
    made = [
        write(own, "deposit", "completed", 0),
        write(own, "deposit", "failed", 1),
        write(own, "payment", "completed", 2),
        write(own, "earning", "completed", 3),
    ]
    write(own, "deposit", "completed", 9, uid="someone-else")
    newest = user.get("/api/wallet/transactions").json()
    assert [item["id"] for item in newest["items"]] == made[::-1]
    assert newest["nextCursor"] is None
    assert newest["items"][-1] == {
        "id": made[0],
        "walletId": UID,
        "userId": UID,
        "type": "deposit",
        "status": "completed",
        "amount": 10.5,
        "amountPaise": 1050,
        "currency": "INR",
        "description": "Test",
        "referenceId": "s1",
        "tds": None,
        "netAmount": None,
        "failureReason": None,
        "createdAt": "2026-01-05T10:00:00.000Z",
        "updatedAt": "2026-01-05T10:00:00.000Z",
    }

    def listed(**query: str) -> list[str]:
        return [item["id"] for item in user.get("/api/wallet/transactions", **query).json()["items"]]

    assert listed(type="deposit") == [made[1], made[0]]
    assert listed(status="completed") == [made[3], made[2], made[0]]
    assert listed(type="deposit", status="failed") == [made[1]]
    assert listed(type="refund") == []


def test_pages(own: Context, user: User) -> None:
    made = [write(own, "payment", "completed", minute) for minute in (0, 0, 1, 2, 2)]
    seen: list[str] = []
    cursor: str | None = None
    for size in (2, 2, 1):
        query = {"limit": "2", "page": "7", **({"cursor": cursor} if cursor else {})}
        page = user.get("/api/wallet/transactions", **query).json()
        assert len(page["items"]) == size
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
    assert cursor is None
    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize(
    "query",
    [{"type": "gift"}, {"status": "done"}, {"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"cursor": "nonsense"}],
)
def test_a_bad_query_is_refused(user: User, query: dict[str, str]) -> None:
    response = user.get("/api/wallet/transactions", **query)
    assert (response.status_code, error_code(response)) == (400, "INVALID_INPUT")
    assert [detail["field"] for detail in response.json()["error"]["details"]] == list(query)


def test_one_transaction_is_its_owners_alone(own: Context, api: Api, user: User) -> None:
    transaction_id = write(own, "refund", "completed", 0)
    assert user.get(f"/api/wallet/transactions/{transaction_id}").json()["id"] == transaction_id
    for asked, by in ((transaction_id, api.user("someone-else")), ("unknown", user)):
        response = by.get(f"/api/wallet/transactions/{asked}")
        assert (response.status_code, error_code(response)) == (404, "NOT_FOUND")
