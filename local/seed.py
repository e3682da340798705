"""The accounts of a fresh stack, made through the front door: Auth, the API, and the Razorpay sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.person import CallError, Person, make_admin, make_expert

PASSWORD = "konnect-local"
USER_RUPEES = 500


@dataclass(frozen=True)
class Account:
    """One seeded account, as `make up` shows it."""

    role: str
    email: str
    password: str
    uid: str
    note: str


def seed(env: Mapping[str, str]) -> list[Account]:
    """Create what is missing; running it again (over kept data) changes nothing."""
    admin = Person.sign_up_or_in(env, "admin@konnect.test", PASSWORD, "Ananya Admin")
    make_admin(env, admin)
    admin.post("/api/auth/verify")

    user = Person.sign_up_or_in(env, "user@konnect.test", PASSWORD, "Uday User")
    user.post("/api/auth/verify")
    if not user.get("/api/wallet/transactions?type=deposit&limit=1")["items"]:
        user.deposit(USER_RUPEES)

    expert = Person.sign_up_or_in(env, "expert@konnect.test", PASSWORD, "Esha Expert")
    expert.post("/api/auth/verify")
    try:
        expert.get("/api/experts/me")
    except CallError as error:
        if error.status != 404:
            raise
        make_expert(
            admin,
            expert,
            title="Staff Engineer",
            company="Acme",
            experience=8,
            bio="System design, interviews, careers.",
            specialties=["System Design", "Tech Interviews"],
            languages=["English", "Hindi"],
            pricePerMin=10,
        )
    balance = user.get("/api/wallet")["balance"]
    return [
        Account("admin", admin.email, PASSWORD, admin.uid, "custom claim role=admin"),
        Account("user", user.email, PASSWORD, user.uid, f"wallet {balance:g} INR"),
        Account("expert", expert.email, PASSWORD, expert.uid, "approved, 10 INR a minute"),
    ]
