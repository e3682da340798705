"""Real calls between two Chromium pages with fake devices, through two instances of signaling: sound and picture flow,
and the session is billed meanwhile."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.person import Person, wait_until
from tests import people
from tests.clients.calls import CallPages

USER, EXPERT, STRANGER = "meera", "asha", "ravi"
WAIT_S = 60.0
BLACK, LIT = 20, 40
"""Brightness: a camera that is off sends black, the fake device something bright."""
SILENT = 1e-6
"""Energy that silence does not add in a second; a beep of the fake device adds more, and there are two a second."""


@dataclass
class Stage:
    """A user on the first instance, an expert on the second, both before the call page."""

    pages: CallPages
    user: Person
    expert: Person
    chats: list[str] = field(default_factory=list)
    since: int = 0

    def session(self, type: str = "video") -> str:
        """A session that both sides know of; its id."""
        self.since = self.pages.mark()
        chat_id = str(self.pages.emit(USER, "request-chat", {"expertId": self.expert.uid, "type": type})["chatId"])
        self.chats.append(chat_id)
        for name in (USER, EXPERT):
            self.wait(name, "chat-started", lambda started: started["chatId"] == chat_id)
        return chat_id

    def call(self, type: str = "video") -> str:
        """A call that has been accepted and connected; the session's id."""
        chat_id = self.session(type)
        self.pages.click(USER, "#call")
        self.pages.click(EXPERT, "#accept")
        self.connected()
        return chat_id

    def connected(self) -> None:
        for name in (USER, EXPERT):
            self.wait(name, "state", lambda state: state["connection"] == "connected")

    def wait(self, name: str, event: str, predicate: Callable[[Any], bool] | None = None) -> Any:
        """The payload of the first such event of this test."""
        return self.pages.wait_for(name, event, predicate, WAIT_S, since=self.since).args[0]

    def seen(self, name: str, event: str) -> list[Any]:
        return [one.args[0] for one in self.pages.events(name, event, since=self.since)]

    def grows(self, name: str, what: str, by: float) -> None:
        """Wait until what `name` receives has grown by that much."""
        before = self.pages.stats(name)[what]
        wait_until(f"{name}'s {what}", lambda: self.pages.stats(name)[what] >= before + by, WAIT_S)

    def flows(self, *kinds: str) -> None:
        """Sound, and picture if it is among `kinds`, arrive on both sides, from this machine."""
        for name in (USER, EXPERT):
            wait_until(f"{name}'s tracks", lambda name=name: self.pages.stats(name)["tracks"] == sorted(kinds), WAIT_S)
            self.grows(name, "packetsReceived", 10)
            self.grows(name, "totalAudioEnergy", SILENT)
            if "video" in kinds:
                self.grows(name, "framesDecoded", 10)
            assert all(map(is_own, filter(None, self.pages.stats(name)["addresses"]))), "the call left this machine"

    def silent(self, name: str) -> None:
        """Wait until what `name` hears adds no energy, though packets keep coming."""

        def samples() -> bool:
            first = self.pages.stats(name)
            self.grows(name, "packetsReceived", 50)  # a second of sound: two beeps, if there were any
            last = self.pages.stats(name)
            return bool(last["totalAudioEnergy"] - first["totalAudioEnergy"] < SILENT)

        wait_until(f"silence for {name}", samples, WAIT_S)


def is_own(address: str) -> bool:
    """Whether an address is one of this machine's: a page sends to 127.0.0.1 from any of them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        return own.connect_ex((address, 9)) == 0 and own.getsockname()[0] in {address, "127.0.0.1"}


@pytest.fixture(scope="module")
def pages(stack_env: dict[str, str]) -> Iterator[CallPages]:
    with CallPages(stack_env) as pages:
        yield pages


@pytest.fixture(scope="module")
def couple(stack_env: dict[str, str], pages: CallPages) -> tuple[Person, Person]:
    user, expert = people.user(stack_env, "Meera", rupees=9000), people.expert(stack_env, "Asha")
    pages.open(USER, user, "user", stack_env["SIGNALING_1_URL"])
    pages.open(EXPERT, expert, "expert", stack_env["SIGNALING_2_URL"])
    return user, expert


@pytest.fixture
def stage(pages: CallPages, couple: tuple[Person, Person]) -> Iterator[Stage]:
    stage = Stage(pages, *couple)
    yield stage
    for chat_id in stage.chats:
        pages.emit(USER, "end-chat", {"chatId": chat_id})
        for name in (USER, EXPERT):
            stage.wait(name, "chat-ended", lambda ended, chat_id=chat_id: ended["chatId"] == chat_id)
    for name in (USER, EXPERT):
        assert not stage.seen(name, "page_error")
        assert not stage.seen(name, "outside"), "the page asked another address than this machine's"


class TestVideo:
    def test_picture_and_sound_flow_and_minutes_are_charged(self, stage: Stage, tmp_path: Path) -> None:
        chat_id = stage.call()
        assert stage.wait(EXPERT, "call-offer")["callType"] == "video"
        stage.flows("audio", "video")
        for name in (USER, EXPERT):
            stage.wait(name, "billing-update", lambda update: update["duration"] >= 2)
            stage.pages.screenshot(name, tmp_path / f"{name}.png")
            assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "left" in stage.pages.text(USER, "#bill")
        assert "left" not in stage.pages.text(EXPERT, "#bill")
        running = stage.user.get(f"/api/sessions/{chat_id}")
        assert (running["type"], running["status"]) == ("video", "in_progress")

    def test_a_camera_that_is_off_sends_black(self, stage: Stage) -> None:
        stage.call()
        stage.flows("audio", "video")
        for is_dark in (True, False):
            stage.pages.click(USER, "#camera")
            wait_until(
                "the picture to change",
                lambda dark=is_dark: (
                    (stage.pages.brightness(EXPERT) < BLACK) is dark and (dark or stage.pages.brightness(EXPERT) > LIT)
                ),
                WAIT_S,
            )
            assert stage.pages.brightness(USER) > LIT
        stage.grows(EXPERT, "framesDecoded", 5)

    def test_a_lost_socket_comes_back_and_the_call_goes_on(self, stage: Stage) -> None:
        chat_id = stage.call()
        stage.flows("audio", "video")
        before = {name: stage.pages.stats(name)["ufrag"] for name in (USER, EXPERT)}
        since = stage.pages.mark()
        stage.pages.cut(USER)
        stage.wait(USER, "disconnect")
        assert stage.pages.stats(USER)["connection"] not in {"none", "failed", "closed"}
        back = stage.pages.wait_for(USER, "connect", None, WAIT_S, since=since).args[0]
        assert (back["session"], back["error"]) == (chat_id, None), stage.user.get(f"/api/sessions/{chat_id}")
        # The page that was away restarts ICE: an offer and an answer, on the old call.
        stage.pages.wait_for(EXPERT, "call-offer", None, WAIT_S, since=since)
        stage.pages.wait_for(USER, "call-answer", None, WAIT_S, since=since)
        for name in (USER, EXPERT):
            wait_until(
                f"{name}'s new ICE credentials",
                lambda name=name: stage.pages.stats(name)["ufrag"] != before[name],
                WAIT_S,
            )
        stage.flows("audio", "video")
        assert not stage.seen(EXPERT, "closed")
        assert stage.user.get(f"/api/sessions/{chat_id}")["status"] == "in_progress"

    def test_offers_that_cross_make_one_call(self, stage: Stage) -> None:
        stage.session()
        for name in (USER, EXPERT):
            stage.pages.hold(name)
        for name in (USER, EXPERT):
            stage.pages.click(name, "#call")
            stage.wait(name, "offered")
        for name in (USER, EXPERT):
            assert not stage.seen(name, "call-offer")
            stage.pages.release(name)
        for name in (USER, EXPERT):
            stage.wait(name, "call-offer")
        stage.connected()
        stage.flows("audio", "video")


class TestVoice:
    def test_sound_flows_and_mute_is_silence(self, stage: Stage) -> None:
        stage.call("call")
        assert stage.wait(EXPERT, "call-offer")["callType"] == "call"
        stage.flows("audio")
        stage.pages.click(USER, "#mute")
        stage.silent(EXPERT)
        stage.grows(USER, "totalAudioEnergy", SILENT)
        stage.pages.click(USER, "#mute")
        stage.grows(EXPERT, "totalAudioEnergy", SILENT)

    @pytest.mark.parametrize(("by", "other"), [(USER, EXPERT), (EXPERT, USER)])
    def test_who_hangs_up_ends_the_call_and_not_the_session(self, by: str, other: str, stage: Stage) -> None:
        chat_id = stage.call("call")
        stage.pages.click(by, "#hang-up")
        assert stage.wait(other, "call-ended")["reason"] == "hung-up"
        stage.wait(other, "closed")
        assert stage.pages.stats(other)["connection"] == "none"
        assert stage.user.get(f"/api/sessions/{chat_id}")["status"] == "in_progress"
        # The two talk on in writing, or call again.
        assert "id" in stage.pages.emit(by, "chat-message", {"chatId": chat_id, "message": "Once more?"})
        stage.pages.click(other, "#call")
        stage.pages.click(by, "#accept")
        stage.flows("audio")

    def test_a_declined_call_ends_for_the_caller(self, stage: Stage) -> None:
        chat_id = stage.session("call")
        stage.pages.click(USER, "#call")
        stage.wait(EXPERT, "call-offer")
        stage.pages.click(EXPERT, "#reject")
        assert stage.wait(USER, "call-ended")["reason"] == "rejected"
        stage.wait(USER, "closed")
        assert not stage.seen(EXPERT, "call-ended")
        assert stage.user.get(f"/api/sessions/{chat_id}")["status"] == "in_progress"


class TestStrangers:
    def test_a_third_page_gets_nothing_into_the_call(self, stage: Stage, stack_env: dict[str, str]) -> None:
        stage.pages.open(STRANGER, people.user(stack_env, "Ravi"), "user", stack_env["SIGNALING_2_URL"])
        chat_id = stage.call("call")
        stage.flows("audio")
        since = stage.pages.mark()
        for event, payload in (
            ("call-offer", {"offer": {"type": "offer", "sdp": "v=0\r\n"}}),
            ("call-answer", {"answer": {"type": "answer", "sdp": "v=0\r\n"}}),
            ("ice-candidate", {"candidate": None}),
            ("call-ended", {"reason": "hung-up"}),
            ("call-rejected", {}),
            ("end-chat", {}),
        ):
            refused = stage.pages.emit(STRANGER, event, {"chatId": chat_id, **payload})
            assert refused["error"]["code"] == "NOT_A_PARTICIPANT"
        stage.flows("audio")
        for name in (USER, EXPERT):
            for event in ("call-offer", "call-answer", "call-ended", "chat-ended"):
                assert not stage.pages.events(name, event, since=since)
        assert not stage.pages.events(STRANGER, "call-offer")
        refused = stage.user.response("GET", f"/api/sessions/{chat_id}")
        assert refused.status_code == 200


class TestMoney:
    def test_the_server_ends_the_call_when_the_money_is_gone(
        self, pages: CallPages, couple: tuple[Person, Person], stack_env: dict[str, str]
    ) -> None:
        payer, admin = people.user(stack_env, "Kabir", rupees=9000), people.admin(stack_env)
        pages.open("kabir", payer, "user", stack_env["SIGNALING_1_URL"])
        since = pages.mark()
        chat_id = pages.emit("kabir", "request-chat", {"expertId": couple[1].uid, "type": "video"})["chatId"]
        pages.wait_for(EXPERT, "chat-started", lambda started: started["chatId"] == chat_id, WAIT_S, since=since)
        pages.click("kabir", "#call")
        pages.click(EXPERT, "#accept")
        for name in ("kabir", EXPERT):
            pages.wait_for(name, "state", lambda state: state["connection"] == "connected", WAIT_S, since=since)

        def emptied() -> bool:
            """Unless a minute is charged between the look and the taking."""
            left = {"amount": -payer.get("/api/wallet")["balance"], "reason": "so that it is gone"}
            return admin.response("POST", f"/api/admin/wallets/{payer.uid}/adjust", left).ok

        wait_until("the wallet to be empty", emptied, WAIT_S)
        # The next minute is not paid; then the grace, and the end, by the server alone.
        for name in ("kabir", EXPERT):
            pages.wait_for(name, "chat-warning", lambda warned: warned["type"] == "zero-balance", WAIT_S, since=since)
            ended = pages.wait_for(name, "call-ended", None, WAIT_S, since=since).args[0]
            assert (ended["chatId"], ended["reason"]) == (chat_id, "insufficient-balance")
            summary = pages.wait_for(name, "chat-ended", None, WAIT_S, since=since).args[0]
            assert summary["reason"] == "insufficient-balance"
            assert summary["totalCharged"] == 10 * summary["duration"] > 0
            wait_until(f"the end of {name}'s call", lambda name=name: pages.stats(name)["connection"] == "none", WAIT_S)
            assert pages.text(name, "#status") == "session over"
        assert payer.get("/api/wallet")["balance"] == 0
