"""/api/v1/skill-exchanges/{id}/message: the conversation of an exchange, which has the exchange's id."""

from typing import Any

from konnect.exchange import access
from konnect.http.routing import Call, Router

from . import membership
from .endpoints import send
from .schemas import ConversationMessage, NewMessage

router = Router("Skill exchange")


@router.post(
    "/api/v1/skill-exchanges/<exchange_id>/message",
    response=ConversationMessage,
    status=201,
    errors=(403, 404, 409),
    limit="messages",
)
def message_partner(call: Call, exchange_id: str, body: NewMessage) -> dict[str, Any]:
    """Write to the other side of an exchange that was accepted. As `POST /api/conversations/{id}/messages` and the
    socket's `send_message`: one conversation, at most 30 messages a minute.
    """
    exchange = call.ctx.run(lambda tx: access.of_participant(tx, exchange_id, call.user.uid))
    if exchange["acceptedAt"] is None:
        raise access.closed(exchange) if exchange["endedAt"] else access.not_accepted()
    return send(call, membership.find(call.ctx.db, exchange_id), body)
