"""Somebody with an account: signs in through Firebase Auth's REST API and calls Konnect's, as a frontend would."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

API_KEY = "local"
TIMEOUT_S = 60


class CallError(RuntimeError):
    """An answer of the API that is not a success; `code` and `details` are Konnect's."""

    def __init__(self, response: requests.Response) -> None:
        try:
            error = response.json()["error"]
        except (ValueError, KeyError, TypeError):
            error = {"code": "?", "message": response.text[:300], "details": []}
        super().__init__(f"{response.status_code} {error['code']}: {error['message']}")
        self.status = response.status_code
        self.code: str = error["code"]
        self.details: list[dict[str, Any]] = error.get("details", [])


@dataclass
class Person:
    """One signed-in user of a stack whose `env` has API_URL, FIREBASE_AUTH_EMULATOR_HOST and RAZORPAY_URL."""

    env: Mapping[str, str]
    email: str
    password: str
    uid: str
    token: str
    name: str = ""
    http: requests.Session = field(default_factory=requests.Session, repr=False)

    @classmethod
    def sign_up(cls, env: Mapping[str, str], email: str, password: str, name: str) -> "Person":
        """A new account. Raises CallError if the address is taken."""
        answer = _auth(env, "signUp", {"email": email, "password": password, "displayName": name})
        person = cls(env, email, password, answer["localId"], answer["idToken"], name)
        # The token of sign-up has no name yet.
        person.sign_in()
        return person

    @classmethod
    def sign_up_or_in(cls, env: Mapping[str, str], email: str, password: str, name: str) -> "Person":
        try:
            return cls.sign_up(env, email, password, name)
        except CallError as error:
            if "EMAIL_EXISTS" not in str(error):
                raise
        person = cls(env, email, password, "", "", name)
        person.sign_in()
        return person

    def sign_in(self) -> None:
        """A fresh token, with the roles the account has now."""
        answer = _auth(self.env, "signInWithPassword", {"email": self.email, "password": self.password})
        self.uid, self.token = answer["localId"], answer["idToken"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON answer of the API. Raises CallError."""
        response = self.response(method, path, body, **headers)
        if not response.ok:
            raise CallError(response)
        return response.json() if response.content else None

    def response(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self.http.request(
            method,
            self.env["API_URL"] + path,
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **headers},
            timeout=TIMEOUT_S,
        )

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, {} if body is None else body, **headers)

    def rename(self, name: str) -> None:
        """Set the account's display name, and take a token that has it."""
        _auth(self.env, "update", {"idToken": self.token, "displayName": name})
        self.name = name
        self.sign_in()

    # What a customer does at Razorpay's checkout

    def order(self, rupees: float) -> dict[str, Any]:
        """Begin a deposit: the order that the checkout is opened with."""
        order: dict[str, Any] = self.post("/api/wallet/deposit", {"amount": rupees})
        return order

    def pay(self, order_id: str, outcome: str = "captured") -> dict[str, Any]:
        """Pay at the checkout; what the browser's handler gets."""
        paid = requests.post(
            f"{self.env['RAZORPAY_URL']}/sandbox/orders/{order_id}/pay", json={"outcome": outcome}, timeout=TIMEOUT_S
        )
        paid.raise_for_status()
        answer: dict[str, Any] = paid.json()
        return answer

    def pay_by_card(self, session_id: str, outcome: str = "paid") -> dict[str, Any]:
        """Pay at Stripe's page, as the customer would: paid, declined or processing. Returns the session."""
        url = f"{self.env['STRIPE_URL']}/sandbox/sessions/{session_id}/pay"
        response = requests.post(url, json={"outcome": outcome}, timeout=TIMEOUT_S)
        if not response.ok:
            raise CallError(response)
        return dict(response.json())

    def deposit(self, rupees: float) -> dict[str, Any]:
        """Order, pay, verify: the wallet is credited when this returns."""
        order = self.order(rupees)
        self.post("/api/payments/verify", self.pay(order["orderId"]))
        return order


def make_admin(env: Mapping[str, str], person: Person) -> None:
    """Give the role admin, as an operator does in the Firebase console, and take the new token."""
    _auth(env, "update", {"localId": person.uid, "customAttributes": '{"role":"admin"}'}, owner=True)
    person.sign_in()


def make_expert(admin: Person, person: Person, **profile: Any) -> None:
    """Register and approve an expert, and take the token with the new role."""
    person.post("/api/experts/register", {"name": person.name, "title": "Expert", **profile})
    path = f"/api/admin/mentor-applications/{person.uid}/status"
    admin.call("PUT", path, {"status": "approved"})
    person.sign_in()


def wait_until(what: str, check: Callable[[], Any], timeout_s: float = 60) -> Any:
    """The first truthy value of `check`. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.05)


def _auth(env: Mapping[str, str], method: str, body: dict[str, Any], *, owner: bool = False) -> dict[str, Any]:
    url = f"http://{env['FIREBASE_AUTH_EMULATOR_HOST']}/identitytoolkit.googleapis.com/v1"
    headers = {"Authorization": "Bearer owner"} if owner else {}
    response = requests.post(
        f"{url}/accounts:{method}?key={API_KEY}",
        json={**body, "returnSecureToken": True},
        headers=headers,
        timeout=TIMEOUT_S,
    )
    if not response.ok:
        raise CallError(response)
    answer: dict[str, Any] = response.json()
    return answer
