"""The relay of calls: between the two of a running session, and nobody else."""

from collections.abc import Callable
from typing import Any

import pytest

from local.person import Person
from tests.signaling.conftest import Pair, Seat

OFFER = {"type": "offer", "sdp": "v=0\r\n"}
SIGNALS: list[tuple[str, dict[str, Any]]] = [
    ("call-offer", {"offer": OFFER, "callType": "video"}),
    ("call-answer", {"answer": {"type": "answer", "sdp": "v=0\r\n"}}),
    ("ice-candidate", {"candidate": {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0}}),
    ("ice-candidate", {"candidate": None}),
    ("call-ended", {"reason": "hung-up"}),
    ("call-ended", {}),
    ("chat-typing", {"isTyping": True}),
]


class TestRelay:
    def test_each_signal_reaches_the_other_side_alone(self, pair: Pair) -> None:
        chat_id = pair.start()
        for sender, receiver in ((pair.user, pair.expert), (pair.expert, pair.user)):
            for event, payload in SIGNALS:
                receiver.since = receiver.clients.mark()
                assert sender.call(event, {"chatId": chat_id, **payload}) == {"chatId": chat_id}
                seen = receiver.wait(event)
                who = {"call-offer": "callerId", "chat-typing": "userId"}.get(event)
                extra = {who: sender.uid} if who else {}
                assert seen == {"eventId": seen["eventId"], "chatId": chat_id, **payload, **extra}
                assert not sender.clients.events(sender.name, event, since=receiver.since)

    def test_a_rejected_call_ends_for_the_caller(self, pair: Pair) -> None:
        chat_id = pair.start()
        pair.user.call("call-offer", {"chatId": chat_id, "offer": OFFER, "callType": "audio"})
        assert pair.expert.wait("call-offer")["callerId"] == pair.user.uid
        pair.expert.call("call-rejected", {"chatId": chat_id})
        assert pair.user.wait("call-ended")["reason"] == "rejected"

    def test_a_long_offer_passes_and_a_longer_one_is_refused(self, pair: Pair) -> None:
        chat_id = pair.start()
        long = {"type": "offer", "sdp": "s" * 60_000}
        pair.user.call("call-offer", {"chatId": chat_id, "offer": long})
        assert pair.expert.wait("call-offer")["offer"] == long
        longer = {"type": "offer", "sdp": "s" * 70_000}
        error = pair.user.call("call-offer", {"chatId": chat_id, "offer": longer})["error"]
        assert error["details"][0]["field"].startswith("offer")

    def test_strangers_are_refused(self, pair: Pair, seat: Callable[..., Seat], stranger: Person) -> None:
        chat_id = pair.start()
        other = seat(stranger).connect()
        for event, payload in SIGNALS:
            assert other.call(event, {"chatId": chat_id, **payload})["error"]["code"] == "NOT_A_PARTICIPANT"
        assert other.call("call-rejected", {"chatId": chat_id})["error"]["code"] == "NOT_A_PARTICIPANT"
        pair.user.call("chat-typing", {"chatId": chat_id, "isTyping": True})
        pair.expert.wait("chat-typing")
        assert not pair.expert.seen("call-offer")
        assert not other.seen("chat-typing")

    @pytest.mark.parametrize("ended_by", ["user", "expert"])
    def test_after_the_end_nothing_is_relayed(self, ended_by: str, pair: Pair) -> None:
        chat_id = pair.start()
        pair.user.call("chat-typing", {"chatId": chat_id, "isTyping": True})
        pair.expert.call("chat-typing", {"chatId": chat_id, "isTyping": True})
        getattr(pair, ended_by).call("end-chat", {"chatId": chat_id})
        # The other instance remembers who takes part: what passes by tells it of the end.
        for one in (pair.user, pair.expert):
            one.wait("chat-ended")
            assert one.call("call-offer", {"chatId": chat_id, "offer": OFFER})["error"]["code"] == "SESSION_ENDED"
