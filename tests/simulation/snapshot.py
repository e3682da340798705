"""All documents of a small project in one query, by collection."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from google.cloud.firestore_v1 import _helpers

from konnect.store import Database, Doc


@dataclass
class Snapshot:
    """`docs[path of the collection][id]`. The path has its documents' ids too: "queues/e1/entries"."""

    now: datetime
    docs: dict[str, dict[str, Doc]] = field(default_factory=lambda: defaultdict(dict))

    def __getitem__(self, collection: str) -> dict[str, Doc]:
        return self.docs.get(collection, {})

    @property
    def sessions_in_progress(self) -> dict[str, Doc]:
        return {key: doc for key, doc in self["sessions"].items() if doc["status"] == "in_progress"}

    @property
    def offers(self) -> dict[str, Doc]:
        """Requests that wait for the expert's acceptance."""
        return {key: doc for key, doc in self["sessions"].items() if doc["status"] == "pending"}

    def queue(self, expert_id: str) -> dict[str, Doc]:
        return self[f"queues/{expert_id}/entries"]

    def claims(self, expert_id: str) -> list[str]:
        return list(self["claims"].get(f"expert:{expert_id}", {}).get("sessions", []))

    def is_present(self, uid: str) -> bool:
        return bool(self["presence"].get(uid, {}).get("connections"))


def take(db: Database, now: datetime) -> Snapshot:
    """Every document, subcollections included: a query that names no collection."""
    client = db.client
    root = f"{client._database_string}/documents"
    snapshot = Snapshot(now)
    query = {"from_": [{"all_descendants": True}]}
    for answer in client._firestore_api.run_query(
        request={"parent": root, "structured_query": query}, metadata=client._rpc_metadata
    ):
        if answer._pb.HasField("document"):
            collection, _, key = answer._pb.document.name.removeprefix(f"{root}/").rpartition("/")
            snapshot.docs[collection][key] = _helpers.decode_dict(answer._pb.document.fields, client)
    return snapshot
