"""/api/auth and /api/onboarding: from a Firebase account to a profile."""

from konnect.http.routing import Call, Router

from . import service
from .options import GOALS, INTERESTS
from .schemas import OnboardingOptions, Option, Profile

router = Router("Accounts")


@router.post("/api/auth/verify", response=Profile, limit="auth", errors=(403,))
def verify(call: Call) -> dict[str, object]:
    """Verify the ID token and return the caller's profile.

    The first call of a new account creates the profile and an empty wallet.
    """
    return call.ctx.run(lambda tx: service.verify(tx, call.user, now=call.now))


@router.get("/api/onboarding/options", response=OnboardingOptions, auth="public", limit=None)
def onboarding_options(call: Call) -> OnboardingOptions:
    """The interests and goals that a new user chooses from."""
    call.response_headers["Cache-Control"] = "public, max-age=3600"
    return OnboardingOptions(interests=_options(INTERESTS), goals=_options(GOALS))


def _options(labels: dict[str, str]) -> list[Option]:
    return [Option(id=option_id, label=label) for option_id, label in labels.items()]
