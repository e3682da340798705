"""GET /api/wallet, GET /api/wallet/transactions and /{id}."""

from konnect.http.routing import Call, Router
from konnect.http.schemas import Listing
from konnect.store import Doc

from . import service, transactions
from .schemas import TransactionQuery, TransactionView, WalletView

router = Router("Wallet")


@router.get("/api/wallet", response=WalletView, summary="Own wallet")
def wallet(call: Call) -> WalletView:
    """The caller's wallet, opened empty at the first look."""
    uid = call.user.uid
    # Read outside a transaction: a lock on this document would be in the way of the minute being charged.
    found = call.ctx.db.get("wallets", uid) or call.ctx.run(lambda tx: service.get(tx, uid, now=call.now))
    return WalletView.model_validate({**found, "id": uid})


@router.get("/api/wallet/transactions", response=Listing[TransactionView], summary="Own transactions")
def list_transactions(call: Call, query: TransactionQuery) -> Listing[TransactionView]:
    """Newest first."""
    found = transactions.of_user(
        call.ctx.db,
        call.user.uid,
        type=query.type,
        status=query.status,
        limit=query.limit,
        cursor=query.cursor,
    )
    return Listing[TransactionView](items=[_view(doc) for doc in found.items], next_cursor=found.next_cursor)


@router.get(
    "/api/wallet/transactions/<transaction_id>", response=TransactionView, summary="One transaction", errors=(404,)
)
def one_transaction(call: Call, transaction_id: str) -> TransactionView:
    """One of the caller's own."""
    return _view(transactions.find(call.ctx.db, transaction_id, uid=call.user.uid))


def _view(doc: Doc) -> TransactionView:
    # A deposit given up and paid after all keeps the reason on its document; it is no failure any more.
    failed = doc["status"] == "failed"
    return TransactionView.model_validate({**doc, "failureReason": doc.get("failureReason") if failed else None})
