"""What a deleted account leaves behind here: what the courses are made of that others have enrolled in."""

from konnect.context import Context
from konnect.store import Query

from . import files, service


def erase(ctx: Context, uid: str) -> int:
    """Delete every file of a user, whoever uploaded it and whether it was used or not, and their documents; but for
    those that a course still has, which its students keep (courses.deletion has given up the others). Can be repeated;
    returns how many files there were. Raises Unavailable."""
    storage = service.storage(ctx)
    own = Query(("uploads",), (("uid", "==", uid),))
    kept = {upload["path"] for upload in own.stream(ctx.db) if upload["status"] == "used" and upload.get("place")}
    erased = sum(storage.delete_folder(files.folder(purpose, uid), kept=kept) for purpose in files.PURPOSES)
    for upload in own.stream(ctx.db):
        if upload["path"] not in kept:
            ctx.db.delete("uploads", upload["id"])
    return erased
