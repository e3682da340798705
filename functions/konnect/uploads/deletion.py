"""What a deleted account leaves behind here: nothing."""

from konnect.context import Context
from konnect.store import Query

from . import files, service

BATCH = 100


def erase(ctx: Context, uid: str) -> int:
    """Delete every file of a user, whoever uploaded it and whether it was used or not, and their documents. Can be
    repeated; returns how many files there were. Raises Unavailable."""
    storage = service.storage(ctx)
    erased = sum(storage.delete_folder(files.folder(purpose, uid)) for purpose in files.PURPOSES)
    while found := Query(("uploads",), (("uid", "==", uid),), limit=BATCH).run(ctx.db):
        for upload in found:
            ctx.db.delete("uploads", upload["id"])
    return erased
