"""Users of the Firebase JS SDK, driven from Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.clients.process import NodeProcess

SCRIPT = Path(__file__).with_name("firestore.mjs")

Target = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user who is signed in, with their ID token of that moment."""

    uid: str
    id_token: str


class FirebaseClients(NodeProcess):
    """Any number of users of the Firebase JS SDK in one Node process, each under a name of the caller's.

    `env` (and the process's environment) name the emulators: FIRESTORE_EMULATOR_HOST, FIREBASE_AUTH_EMULATOR_HOST,
    GOOGLE_CLOUD_PROJECT. A name that hasn't signed in is anonymous. A target is a document's path or a query
    {"collection", "where": [[field, op, value]], "orderBy": [[field, "desc"]], "limit"}; a snapshot is
    {"path", "id", "exists", "data", "fromCache"}, a query's {"path", "docs", "changes": [{"type", "id"}], "fromCache"}.
    What the rules refuse raises ClientError with code "permission-denied".
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        super().__init__(SCRIPT, env)

    def sign_up(self, name: str, email: str, password: str) -> SignedIn:
        """Create the account and sign in. Raises ClientError ("auth/email-already-in-use")."""
        return _signed_in(self.request("signUp", name=name, email=email, password=password))

    def sign_in(self, name: str, email: str, password: str) -> SignedIn:
        """Raises ClientError ("auth/wrong-password", "auth/user-not-found", "auth/user-disabled")."""
        return _signed_in(self.request("signIn", name=name, email=email, password=password))

    def sign_out(self, name: str) -> None:
        self.request("signOut", name=name)

    def id_token(self, name: str, *, force: bool = False) -> str:
        """The current ID token; `force` fetches one with the claims of now."""
        return str(self.request("idToken", name=name, force=force))

    def listen(self, name: str, target: Target, label: str | None = None) -> dict[str, Any]:
        """Listen, and return the first snapshot. Each snapshot, the first too, is an event called `label`.

        `label` is by default the path or the collection. A listener that is ended later shows as "listen_error".
        """
        return dict(self.request("listen", name=name, label=label or _label(target), **_target(target)))

    def unlisten(self, name: str, label: str) -> None:
        self.request("unlisten", name=name, label=label)

    def get(self, name: str, target: Target) -> dict[str, Any]:
        """One snapshot, from the server."""
        return dict(self.request("get", name=name, **_target(target)))

    def set(self, name: str, path: str, data: Mapping[str, Any]) -> None:
        """A client's own write, which the rules refuse."""
        self.request("set", name=name, path=path, data=dict(data))


def _label(target: Target) -> str:
    return target if isinstance(target, str) else str(target["collection"])


def _target(target: Target) -> dict[str, Any]:
    return {"path": target} if isinstance(target, str) else {"query": dict(target)}


def _signed_in(result: Mapping[str, str]) -> SignedIn:
    return SignedIn(result["uid"], result["idToken"])
