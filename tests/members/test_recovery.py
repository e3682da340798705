"""Tokens, forgotten passwords and addresses to verify, against the Auth emulator."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from konnect import auth, clock
from konnect.context import Context
from konnect.errors import BadRequest, Forbidden, RateLimited, Unauthenticated
from konnect.identity import recovery, sign_in
from konnect.integrations.identity_toolkit.client import refusal
from konnect.limits import PASSWORDS
from konnect.members import accounts, deletion, referrals
from konnect.notifications import devices
from konnect.store import Query
from local.sandboxes import background
from local.sandboxes.mail import MailSink
from tests.support import kept_events, kept_tasks

PASSWORD, NEW, HOME = "secret", "another", "198.51.100.7"


def address() -> str:
    return f"meera-{time.time_ns()}@konnect.test"


def register(ctx: Context, email: str, role: Any = "learner", code: str | None = None) -> sign_in.Entry:
    given = accounts.NewMember("Meera", email, PASSWORD, role, code)
    return accounts.register(ctx, given, client=HOME, now=clock.now())


def log_in(ctx: Context, email: str, password: str = PASSWORD) -> sign_in.Entry:
    return sign_in.log_in(ctx, email, password, client=HOME, with_cookie=False, now=clock.now())


def code_for(ctx: Context, kind: Any, email: str) -> str:
    code = auth.mail_code(kind, email, using=ctx.settings)
    assert code is not None
    return code


def reset(ctx: Context, code: str, password: str = NEW) -> None:
    recovery.reset(ctx, code, password, client=HOME, now=clock.now())


@pytest.fixture
def here(sealing: Context) -> Context:
    return sealing


class TestRegister:
    def test_an_educator_applies_and_a_learner_does_not(self, here: Context) -> None:
        educator, learner = register(here, address(), "educator"), register(here, address())
        uids = [entry.profile["id"] for entry in (educator, learner)]
        assert [(here.db.get("experts", uid) or {}).get("mentorStatus") for uid in uids] == ["applied", None]
        assert [(here.db.get("members", uid) or {})["role"] for uid in uids] == ["educator", "learner"]
        assert educator.cookie == ""
        [mail] = [
            task for task in kept_tasks(here).by_name.values() if task.payload.get("email") == learner.profile["email"]
        ]
        assert (mail.path, mail.payload["kind"]) == (recovery.MAIL, "verification")

    def test_a_code_that_nobody_has_leaves_no_account(self, here: Context) -> None:
        email = address()
        with pytest.raises(BadRequest) as refused:
            register(here, email, code="NOSUCHCODE")
        assert refused.value.details[0]["field"] == "referralCode"
        assert register(here, email).profile["email"] == email

    def test_who_was_told_by_a_friend(self, here: Context) -> None:
        friend = register(here, address()).profile["id"]
        code = (here.db.get("members", friend) or {})["referralCode"]
        uid = register(here, address(), code=code).profile["id"]
        noted = here.db.get("members", uid, "private", "referral") or {}
        assert (noted["by"], noted["rewardedAt"]) == (friend, None)

    def test_a_friend_who_leaves_and_comes_again_brings_points_once(self, here: Context) -> None:
        by = register(here, address()).profile["id"]
        code, email = (here.db.get("members", by) or {})["referralCode"], address()
        for _ in range(2):
            uid = register(here, email, code=code).profile["id"]
            here.run(lambda tx, uid=uid: referrals.reward(tx, uid, now=clock.now()))
            deletion.erase(here, uid)
            auth.delete_account(uid, using=here.settings)
        points = Query(("points",)).filter("uid", "==", by).run(here.db)
        assert [one["reason"] for one in points].count("friend_referred") == 1
        assert email not in str(points)

    def test_its_mail_is_one_of_the_three(self, here: Context) -> None:
        email = address()
        register(here, email)
        for _ in range(5):
            recovery.ask_for_reset(here, email, now=clock.now())
            time.sleep(0.001)
        mails = [task for task in kept_tasks(here).by_name.values() if task.payload.get("email") == email]
        assert len(mails) == PASSWORDS["mails"].requests

    def test_a_rejected_educator_does_not_apply_anew_by_a_choice(self, here: Context) -> None:
        entry = register(here, address(), "educator")
        uid, principal = entry.profile["id"], sign_in.principal_of(here, entry.signed_in)
        rejected = {**(here.db.get("experts", uid) or {}), "mentorStatus": "rejected", "bio": "Twenty years of it."}
        here.db.set(("experts", uid), rejected)
        for role in ("learner", "educator"):
            accounts.change(here, principal, {"role": role}, now=clock.now())
        assert here.db.get("experts", uid) == rejected


class TestTokens:
    def test_the_next_token(self, here: Context) -> None:
        entry = register(here, address())
        following = recovery.refresh(here, entry.signed_in.refresh_token)
        assert auth.authenticate(here, following.id_token).uid == entry.profile["id"]

    @pytest.mark.parametrize("wrong", ["nonsense", "e30="])
    def test_no_token(self, here: Context, wrong: str) -> None:
        with pytest.raises(Unauthenticated):
            recovery.refresh(here, wrong)

    def test_signing_out_ends_all_and_signing_in_again_works_at_once(self, here: Context) -> None:
        email = address()
        entry = register(here, email)
        principal = auth.authenticate(here, entry.signed_in.id_token)
        here.run(lambda tx: devices.register(tx, principal.uid, "lost-phone", "android", now=clock.now()))
        recovery.sign_out(here, principal, now=clock.now())
        with pytest.raises(Unauthenticated) as refused:
            auth.authenticate(here, entry.signed_in.id_token)
        assert refused.value.code == "TOKEN_REVOKED"
        with pytest.raises(Unauthenticated):
            recovery.refresh(here, entry.signed_in.refresh_token)
        assert kept_events(here).named("disconnect", f"user:{principal.uid}") == [None]
        assert devices.of_user(here.db, principal.uid, now=clock.now()) == []
        # Within the same second as well, whose tokens count as those of before.
        again = log_in(here, email)
        assert auth.authenticate(here, again.signed_in.id_token).uid == principal.uid

    def test_a_disabled_account(self, here: Context) -> None:
        entry = register(here, address())
        uid = entry.profile["id"]
        here.db.set(("users", uid), {**(here.db.get("users", uid) or {}), "disabled": True})
        auth.forget(uid)
        with pytest.raises(Forbidden):
            recovery.refresh(here, entry.signed_in.refresh_token)


class TestChangePassword:
    def change(
        self, ctx: Context, entry: sign_in.Entry, old: str = PASSWORD, new: str = NEW, now: datetime | None = None
    ) -> sign_in.Entry:
        principal = sign_in.principal_of(ctx, entry.signed_in)
        return recovery.change_password(ctx, principal, old, new, client=HOME, now=now or clock.now())

    def test_ends_the_sign_ins_of_before(self, here: Context) -> None:
        entry = register(here, address())
        changed = self.change(here, entry)
        assert auth.authenticate(here, changed.signed_in.id_token).uid == entry.profile["id"]
        with pytest.raises(Unauthenticated):
            auth.authenticate(here, entry.signed_in.id_token)
        with pytest.raises(Unauthenticated):
            log_in(here, entry.profile["email"])
        told = [
            one["type"] for one in Query(("notifications",)).filter("userId", "==", entry.profile["id"]).run(here.db)
        ]
        assert told == ["password_changed"]

    @pytest.mark.parametrize(
        ("old", "new", "field", "code"),
        [
            ("wrong-one", NEW, "currentPassword", "INVALID_CREDENTIALS"),
            (PASSWORD, "12345", "newPassword", "WEAK_PASSWORD"),
        ],
    )
    def test_bad_input(self, here: Context, old: str, new: str, field: str, code: str) -> None:
        entry = register(here, address())
        with pytest.raises(BadRequest) as refused:
            self.change(here, entry, old, new)
        assert (refused.value.details[0]["field"], refused.value.code) == (field, code)
        assert auth.authenticate(here, entry.signed_in.id_token)

    def test_guesses_are_counted_as_at_sign_in(self, here: Context) -> None:
        # At one moment, or a window could end between.
        entry, now = register(here, address()), clock.now()
        for _ in range(PASSWORDS["sign-in"].requests):
            with pytest.raises(BadRequest):
                self.change(here, entry, "wrong-one", now=now)
        with pytest.raises(RateLimited):
            self.change(here, entry, now=now)

    def test_the_last_guess_is_enough(self, here: Context) -> None:
        entry = register(here, address())
        for _ in range(PASSWORDS["sign-in"].requests - 1):
            with pytest.raises(BadRequest):
                self.change(here, entry, "wrong-one")
        assert self.change(here, entry).profile["id"] == entry.profile["id"]


class TestReset:
    def test_a_new_password_ends_all_sign_ins_and_the_lock_out(self, here: Context) -> None:
        email = address()
        entry = register(here, email)
        for _ in range(PASSWORDS["sign-in"].requests):
            with pytest.raises(Unauthenticated):
                log_in(here, email, "wrong-one")
        code = code_for(here, "reset", email)
        with pytest.raises(BadRequest) as weak:
            reset(here, code, "12345")
        assert weak.value.code == "WEAK_PASSWORD"
        reset(here, code)
        with pytest.raises(Unauthenticated):
            auth.authenticate(here, entry.signed_in.id_token)
        assert log_in(here, email, NEW).profile["id"] == entry.profile["id"]
        # Whoever has read the mail has the address.
        assert (here.db.get("users", entry.profile["id"]) or {})["emailVerified"] is True
        with pytest.raises(BadRequest) as used:
            reset(here, code)
        assert (used.value.code, used.value.details[0]["field"]) == ("TOKEN_INVALID", "token")

    def test_codes_are_for_one_purpose(self, here: Context) -> None:
        email = address()
        register(here, email)
        with pytest.raises(BadRequest):
            reset(here, code_for(here, "verification", email))
        with pytest.raises(BadRequest):
            recovery.verify_email(here, code_for(here, "reset", email))
        assert log_in(here, email).profile["emailVerified"] is False

    def test_no_mail_to_nobody_to_the_disabled_or_too_late(self, here: Context) -> None:
        email = address()
        uid = register(here, email).profile["id"]
        auth.set_disabled(uid, True, using=here.settings)
        assert auth.mail_code("reset", email, using=here.settings) is None
        assert auth.mail_code("verification", address(), using=here.settings) is None
        late = {"kind": "reset", "email": email, "at": clock.iso(clock.now() - 2 * timedelta(hours=1))}
        recovery.mail_code(here, late, clock.now())

    def test_three_mails_at_most(self, here: Context) -> None:
        email = address()
        now = clock.now()
        for second in range(5):
            recovery.ask_for_reset(here, email, now=now + timedelta(milliseconds=second))
        assert len(kept_tasks(here).keyed("mail-code", "reset", email)) == PASSWORDS["mails"].requests


class TestVerification:
    def test_once(self, here: Context) -> None:
        entry = register(here, address())
        uid, email = entry.profile["id"], entry.profile["email"]
        principal = auth.authenticate(here, entry.signed_in.id_token)
        code = code_for(here, "verification", email)
        assert recovery.verify_email(here, code) == uid
        # The token of before knows nothing of it, and changes nothing of it.
        assert accounts.own(here, principal, now=clock.now())["emailVerified"] is True
        assert recovery.ask_for_verification(here, principal, now=clock.now()) is False
        with pytest.raises(BadRequest):
            recovery.verify_email(here, code)

    @pytest.mark.parametrize("app_url", ["https://app.konnect.test/", ""])
    def test_the_mail_has_a_link_or_the_code(self, here: Context, app_url: str) -> None:
        with background(sink := MailSink(0, 0)):
            changed = {"smtp_host": "127.0.0.1", "smtp_port": sink.smtp_port, "smtp_tls": "none", "app_url": app_url}
            ctx = replace(
                here, settings=here.settings.model_copy(update={**changed, "mail_from": "K <k@konnect.test>"})
            )
            entry = register(ctx, address())
            [task] = kept_tasks(ctx).keyed("mail-code", "verification", entry.profile["email"])
            recovery.mail_code(ctx, task.payload, clock.now())
            [mail] = sink.mailbox.find()
        text = f"{mail.subject}\n{mail.text}"
        assert "Verify your e-mail address" in text
        assert ("https://app.konnect.test/verify-email?token=" in text) is bool(app_url)


@pytest.mark.parametrize(
    ("said", "about", "error", "code"),
    [
        ("TOKEN_EXPIRED", "token", Unauthenticated, "REFRESH_TOKEN_INVALID"),
        ("USER_DISABLED", "token", Unauthenticated, "REFRESH_TOKEN_INVALID"),
        ("EXPIRED_OOB_CODE", "accounts:resetPassword", BadRequest, "TOKEN_INVALID"),
        ("USER_NOT_FOUND", "accounts:update", BadRequest, "TOKEN_INVALID"),
        ("WEAK_PASSWORD : too short", "accounts:resetPassword", BadRequest, "WEAK_PASSWORD"),
        ("PASSWORD_DOES_NOT_MEET_REQUIREMENTS", "accounts:resetPassword", BadRequest, "WEAK_PASSWORD"),
    ],
)
def test_what_firebase_says(said: str, about: str, error: type[Exception], code: str) -> None:
    refused = refusal(said, about=about)
    assert (type(refused), refused.code) == (error, code)
