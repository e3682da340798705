"""Registration and sign-in against the Auth emulator: what fails half-way, what comes at once, who is locked out."""

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from konnect import auth, clock
from konnect.context import Context
from konnect.errors import BadRequest, KonnectError, RateLimited, Unauthenticated, Unavailable
from konnect.experts.account_schemas import Credentials
from konnect.identity import service, sign_in
from konnect.integrations.identity_toolkit import client
from konnect.limits import PASSWORDS
from konnect.store import Query
from tests import people
from tests.support import at_once, kept_events

SIGN_INS, SIGN_INS_OF_ACCOUNT = PASSWORDS["sign-in"].requests, PASSWORDS["account"].requests
PASSWORD, HOME, ELSEWHERE = "secret", "198.51.100.7", "203.0.113."


def address() -> str:
    return f"meera-{time.time_ns()}@konnect.test"


def register(ctx: Context, email: str, *, also: Any = None, **given: Any) -> sign_in.Entry:
    fields = {"name": "Meera", "email": email, "password": PASSWORD, **given}
    return sign_in.register(ctx, fields, client=HOME, also=also, now=clock.now())


def log_in(
    ctx: Context, email: str, *, password: str = PASSWORD, source: str = HOME, now: datetime | None = None
) -> sign_in.Entry:
    """`now`: what is counted together is counted at one moment, or a window could end between."""
    return sign_in.log_in(ctx, email, password, client=source, now=now or clock.now())


def another_instance(ctx: Context) -> Context:
    """It has counted nothing itself."""
    return replace(ctx)


@pytest.fixture
def here(sealing: Context) -> Context:
    return sealing


class TestRegister:
    @pytest.mark.parametrize("error", [Unavailable, RuntimeError])
    def test_what_fails_leaves_the_address_free(self, here: Context, error: type[Exception]) -> None:
        def fail(*_: Any) -> None:
            raise error("no")

        email = address()
        with pytest.raises(error):
            register(here, email, also=fail)
        assert Query(("users",)).run(here.db) == Query(("wallets",)).run(here.db) == []
        assert register(here, email).profile["email"] == email

    def test_twenty_at_once_make_one_account(self, here: Context) -> None:
        email = address()
        results = at_once(20, lambda _: register(here, email))
        [made] = [one for one in results if isinstance(one, sign_in.Entry)]
        assert {one.code for one in results if isinstance(one, KonnectError)} == {"EMAIL_TAKEN"}
        assert [doc["id"] for doc in Query(("users",)).run(here.db)] == [made.profile["id"]]

    def test_ten_at_once_with_one_number_make_one_account(self, here: Context) -> None:
        phone, emails = people.phone(), [f"{index}-{address()}" for index in range(10)]
        results = at_once(10, lambda index: register(here, emails[index], phone=phone))
        made = [one for one in results if isinstance(one, sign_in.Entry)]
        assert len(made) <= 1
        assert len(Query(("users",)).run(here.db)) == len(made)
        # The others' accounts are gone: their addresses are free.
        taken = {one.profile["email"] for one in made}
        free = next(email for email in emails if email not in taken)
        assert register(here, free).profile["email"] == free

    def test_weak_passwords(self, here: Context) -> None:
        with pytest.raises(BadRequest) as refused:
            register(here, address(), password="12345")
        assert (refused.value.code, refused.value.details[0]["field"]) == ("WEAK_PASSWORD", "password")

    def test_without_a_key(self, here: Context) -> None:
        cloud = here.settings.model_copy(update={"firebase_auth_emulator_host": "", "firebase_api_key": ""})
        with pytest.raises(Unavailable):
            client.IdentityToolkit(cloud)

    def test_what_firebase_itself_refuses(self, here: Context) -> None:
        for email, password, field in ((address(), "12345", "password"), ("a@b@c", PASSWORD, "email")):
            with pytest.raises(BadRequest) as refused:
                auth.create_account(email, password, "Meera", using=here.settings)
            assert refused.value.details[0]["field"] == field


class TestLockOut:
    def test_guesses_that_come_at_once_are_all_counted(self, here: Context) -> None:
        email, now = address(), clock.now()
        register(here, email)
        results = at_once(20, lambda _: log_in(another_instance(here), email, password="wrong-one", now=now))
        assert sum(isinstance(one, Unauthenticated) for one in results) <= SIGN_INS
        with pytest.raises(RateLimited) as refused:
            log_in(another_instance(here), email, now=now)
        assert refused.value.code == "TOO_MANY_ATTEMPTS"
        assert 0 < (refused.value.retry_after_s or 0) <= 900

    def test_many_clients_together_lock_out_strangers_and_not_the_owner(self, here: Context) -> None:
        email, now = address(), clock.now()
        register(here, email)
        for index in range(SIGN_INS_OF_ACCOUNT):
            with pytest.raises(Unauthenticated):
                log_in(here, email, password="wrong-one", source=f"{ELSEWHERE}{index}", now=now)
        with pytest.raises(RateLimited):
            log_in(here, email, source=f"{ELSEWHERE}99", now=now)
        assert log_in(here, email).profile["email"] == email

    def test_an_unknown_address_is_counted_as_well(self, here: Context) -> None:
        email, now = address(), clock.now()
        for _ in range(SIGN_INS):
            with pytest.raises(Unauthenticated):
                log_in(here, email, now=now)
        with pytest.raises(RateLimited):
            log_in(here, email, now=now)

    @pytest.mark.parametrize("email", ["meera\u200b@konnect.test", "me\xadera@konnect.test", "ｍeera@konnect.test"])
    def test_an_address_has_one_spelling(self, email: str) -> None:
        """Or guesses at one account would be counted apart."""
        with pytest.raises(ValueError, match="no e-mail address"):
            Credentials(email=email, password=PASSWORD)
        assert Credentials(email=" Meera@Konnect.TEST", password=PASSWORD).email == "meera@konnect.test"

    def test_the_database_knows_no_address(self, here: Context) -> None:
        email = address()
        register(here, email)
        log_in(here, email)
        kept = repr([Query((name,)).run(here.db) for name in ("signIns", "rateLimits")])
        assert email not in kept
        assert HOME not in kept


class TestRefusals:
    @pytest.mark.parametrize(
        ("said", "error", "code"),
        [
            ("EMAIL_NOT_FOUND", Unauthenticated, "INVALID_CREDENTIALS"),
            ("INVALID_PASSWORD", Unauthenticated, "INVALID_CREDENTIALS"),
            ("INVALID_LOGIN_CREDENTIALS", Unauthenticated, "INVALID_CREDENTIALS"),
            ("INVALID_EMAIL", Unauthenticated, "INVALID_CREDENTIALS"),
            ("USER_DISABLED", Unauthenticated, "INVALID_CREDENTIALS"),
            ("TOO_MANY_ATTEMPTS_TRY_LATER : later", RateLimited, "TOO_MANY_ATTEMPTS"),
            ("OPERATION_NOT_ALLOWED", Unavailable, "UNAVAILABLE"),
        ],
    )
    def test_firebase_s_errors(self, said: str, error: type[KonnectError], code: str) -> None:
        refused = client.refusal(said)
        assert (type(refused), refused.code) == (error, code)

    def test_firebase_out_of_reach(self, here: Context) -> None:
        away = here.settings.model_copy(update={"firebase_auth_emulator_host": "127.0.0.1:9"})
        with pytest.raises(Unavailable):
            client.IdentityToolkit(away).sign_in(address(), PASSWORD)


def test_a_new_password_ends_the_sockets_of_before(here: Context) -> None:
    made = register(here, address())
    uid = made.profile["id"]
    caller = auth.authenticate(here, made.cookie)
    service.change(here, caller, {"bio": "Hello"}, now=clock.now())
    assert kept_events(here).named("disconnect") == []
    service.change(here, caller, {"password": "another-secret"}, now=clock.now())
    assert kept_events(here).named("disconnect", f"user:{uid}") == [None]


def test_the_cookie_is_the_account_s(here: Context) -> None:
    made = register(here, address())
    caller = auth.authenticate(here, made.cookie)
    assert (caller.uid, caller.by_cookie, caller.name) == (made.profile["id"], True, "Meera")
