"""Who takes part in a conversation: the two of a session, a consult or an exchange, under its id, which clients call
`chatId`; or those of something else that brought them together, such as a booking, also under its id
(conversations.open_between).
"""

from dataclasses import dataclass
from typing import Literal

from konnect import ids
from konnect.errors import Conflict, Forbidden, NotFound
from konnect.store import Database, Doc

ConversationType = Literal["session", "mentor", "consult", "exchange"]


@dataclass(frozen=True)
class Membership:
    """The two of a conversation, and whether they can write: in a session's or a consult's while it goes on, in an
    exchange's from its acceptance on, unless it was left, in a mentor's always. Of an exchange's, the requester stands
    in the user's place, the provider in the expert's, without a profile as one."""

    chat_id: str
    user_id: str
    expert_uid: str
    expert_id: str | None
    names: tuple[str, str]
    """The user's, and the expert's."""
    active: bool
    type: ConversationType = "session"

    @property
    def participants(self) -> tuple[str, str]:
        return self.user_id, self.expert_uid

    @property
    def messages(self) -> tuple[str, str, str]:
        """The collection of its messages."""
        return "sessions" if self.type == "session" else "conversations", self.chat_id, "messages"

    def check_participant(self, uid: str) -> None:
        """Raises Forbidden (NOT_A_PARTICIPANT)."""
        if uid not in self.participants:
            raise Forbidden("you are not in this session", code="NOT_A_PARTICIPANT")

    def check(self, uid: str) -> None:
        """Raises Forbidden (NOT_A_PARTICIPANT), Conflict (SESSION_ENDED)."""
        self.check_participant(uid)
        if not self.active:
            raise Conflict("the session has ended", code="SESSION_ENDED")

    def check_call(self, uid: str) -> None:
        """As `check`, for what belongs to a session alone. Raises also Conflict (NOT_A_SESSION)."""
        self.check(uid)
        if self.type != "session":
            raise Conflict("calls belong to a session", code="NOT_A_SESSION")

    def other(self, uid: str) -> str:
        """The participant who is not `uid`."""
        return self.expert_uid if uid == self.user_id else self.user_id


def find(db: Database, chat_id: str) -> Membership:
    """Raises NotFound (SESSION_NOT_FOUND)."""
    if not ids.valid(chat_id):
        raise _not_found()
    session = db.get("sessions", chat_id)
    return of_documents(db, chat_id, session, None if session is not None else db.get("conversations", chat_id))


def of_documents(db: Database, chat_id: str, session: Doc | None, conversation: Doc | None) -> Membership:
    """From the session of that id, or if there is none, from the conversation; a consult's is known from the consult,
    an exchange's from the exchange. Raises NotFound (SESSION_NOT_FOUND)."""
    if session is not None:
        return Membership(
            chat_id,
            session["userId"],
            session["expertUid"],
            session["expertId"],
            (session["userName"], session["expertName"]),
            session["status"] == "in_progress",
        )
    kind = None if conversation is None else conversation.get("type", "session")
    if conversation is None or kind in ("consult", "exchange"):
        return _of_origin(db, chat_id, kind)
    if kind == "session":
        raise _not_found()
    user_id, expert_uid = conversation["participants"]
    names = conversation["names"][user_id], conversation["names"][expert_uid]
    return Membership(
        chat_id, user_id, expert_uid, conversation["expertId"], names, active=True, type=conversation["type"]
    )


def _of_origin(db: Database, chat_id: str, kind: ConversationType | None) -> Membership:
    """From the consult or the exchange of that id; `kind` None: whichever there is."""
    paths = {("consults", chat_id): "consult", ("exchanges", chat_id): "exchange"}
    found = db.get_many(path for path, one in paths.items() if kind in (None, one))
    exchange, consult = found.get(("exchanges", chat_id)), found.get(("consults", chat_id))
    if exchange is not None and exchange["acceptedAt"] is not None:
        return _of_exchange(chat_id, exchange)
    if consult is None or consult["startedAt"] is None:
        raise _not_found()
    names = consult["userName"], consult["expertName"]
    people = consult["userId"], consult["expertUid"], consult["expertId"]
    return Membership(chat_id, *people, names, active=consult["status"] == "active", type="consult")


def _of_exchange(chat_id: str, exchange: Doc) -> Membership:
    names = exchange["requesterName"], exchange["providerName"]
    return Membership(
        chat_id,
        exchange["requesterId"],
        exchange["providerId"],
        None,
        names,
        active=exchange["status"] in ("accepted", "completed"),
        type="exchange",
    )


def _not_found() -> NotFound:
    return NotFound("there is no such session or conversation", code="SESSION_NOT_FOUND")
