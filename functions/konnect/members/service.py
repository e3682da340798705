"""members/{uid}: what SkillVerse shows everybody of a user, without address or phone.

{name, profileImage, bio, skills: [{name, level, endorsements}], interests, role: learner | educator | skillExchanger
(what they chose; an admin is one by the account), offeredSkills, desiredSkills (by their names; offeredKeys and
desiredKeys are what is compared, skills.py), availability: [{day, from, to}], exchangeRating: {sum, count, average},
completedExchanges, exchangeRequests: {received, answered} (those that were answered or have lapsed),
hideFromLeaderboard, referralCode, status: active | inactive | suspended | banned, createdAt, updatedAt}. Everybody may
read it. members/{uid}/endorsements/{digest}: {key, by, createdAt}, one of each endorser and skill, for nobody.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from konnect import ids
from konnect.errors import Forbidden, NotFound
from konnect.experts import educators
from konnect.experts import standing as ratings
from konnect.gamification import service as gamification
from konnect.identity import standing
from konnect.identity.standing import Status
from konnect.store import Database, Doc, Query, Tx

from . import referrals, skills

Role = Literal["learner", "educator", "skillExchanger"]


def get(tx: Tx, uid: str) -> Doc | None:
    """A user's public profile with its id; None for who has never come to SkillVerse, or is gone."""
    member = tx.get("members", uid)
    return None if member is None else {**member, "id": uid}


def read(db: Database, uid: str) -> Doc | None:
    """The same outside of a transaction."""
    member = db.get("members", uid)
    return None if member is None else {**member, "id": uid}


def read_many(db: Database, uids: Iterable[str]) -> dict[str, Doc]:
    """The public profiles of those who have one, by their ids."""
    found = db.get_many(("members", uid) for uid in uids)
    return {uid: {**member, "id": uid} for (_, uid), member in found.items() if member is not None}


def ensure(tx: Tx, uid: str, now: datetime, *, role: Role | None = None) -> Doc:
    """The public profile, made on first use of who came by another product: an educator who has a profile as an
    expert, else a learner, if not of the `role` they choose. Raises NotFound without an account."""
    found = get(tx, uid)
    if found is not None:
        return found
    member = draft(tx, uid, now, role=role)
    tx.create(("members", uid), {name: value for name, value in member.items() if name != "id"})
    gamification.show_on_leaderboard(tx, uid, member["status"] == "active", now=now)
    return member


def draft(tx: Tx, uid: str, now: datetime, *, role: Role | None = None) -> Doc:
    """The profile that `ensure` would make; writes nothing. Raises NotFound without an account."""
    user = tx.get("users", uid)
    if user is None or user["disabled"]:
        # A closed account comes to nothing new: what of it is erased stays so.
        raise not_found()
    if role is None:
        role = "educator" if educators.find(tx, uid) is not None else "learner"
    return {
        "id": uid,
        "name": user["name"],
        "profileImage": None,
        # Not the account's, which nobody else reads.
        "bio": "",
        "skills": [],
        "interests": [],
        "role": role,
        **_wishes([], []),
        "availability": [],
        "exchangeRating": {"sum": 0, "count": 0, "average": 0},
        "completedExchanges": 0,
        "hideFromLeaderboard": False,
        "referralCode": referrals.code(uid),
        "status": standing.of(user),
        "createdAt": now,
        "updatedAt": now,
    }


def change(tx: Tx, uid: str, fields: dict[str, Any], *, now: datetime) -> Doc:
    """Change the profile: any of name, profileImage, bio, interests, role, offeredSkills, desiredSkills, availability,
    hideFromLeaderboard. Raises NotFound without an account."""
    member = ensure(tx, uid, now)
    wanted = dict(fields)
    offered, desired = wanted.pop("offeredSkills", None), wanted.pop("desiredSkills", None)
    if offered is not None or desired is not None:
        wanted |= _wishes(
            member["offeredSkills"] if offered is None else offered,
            member["desiredSkills"] if desired is None else desired,
        )
    changed = {name: value for name, value in wanted.items() if member.get(name) != value}
    return _write(tx, member, changed, now)


def set_skills(
    tx: Tx,
    uid: str,
    given: list[Doc] | None,
    *,
    offered: list[str] | None = None,
    desired: list[str] | None = None,
    now: datetime,
) -> Doc:
    """Put `given` ([{name, level}]) in the place of the skills, and the names of those offered and desired in an
    exchange; None leaves what is. A skill keeps its endorsements, also one that comes again. Raises NotFound."""
    member = ensure(tx, uid, now)
    changed: Doc = {}
    if given is not None:
        counts = {skills.key(skill["name"]): skill["endorsements"] for skill in member["skills"]}
        new = [one for one in dict.fromkeys(skills.keys(skill["name"] for skill in given)) if one not in counts]
        changed["skills"] = skills.with_counts(given, {**counts, **_endorsements(tx, uid, new)})
    if offered is not None or desired is not None:
        changed |= _wishes(
            member["offeredSkills"] if offered is None else offered,
            member["desiredSkills"] if desired is None else desired,
        )
    return _write(tx, member, {name: value for name, value in changed.items() if member[name] != value}, now)


def set_status(tx: Tx, uid: str, status: Status, *, now: datetime) -> Doc:
    """What an admin made of the member; the account itself is closed by who calls this. Raises NotFound."""
    member = ensure(tx, uid, now)
    return _write(tx, member, {} if member["status"] == status else {"status": status}, now)


def renamed(tx: Tx, uid: str, name: str, *, now: datetime) -> None:
    """The account has this name now."""
    member = get(tx, uid)
    if member is not None and member["name"] != name:
        _write(tx, member, {"name": name}, now)


def rated(tx: Tx, uid: str, rating: int, now: datetime) -> Doc | None:
    """Count a rating (1 to 5) that the other side of an exchange gave; once each is the caller's to see to. Returns the
    profile as it is then, None for who has left."""
    member = _here(tx, uid, now)
    if member is None:
        return None
    total, count = member["exchangeRating"]["sum"] + rating, member["exchangeRating"]["count"] + 1
    added = {"sum": total, "count": count, "average": ratings.average(total, count)}
    return _write(tx, member, {"exchangeRating": added}, now)


def exchanged(tx: Tx, uid: str, now: datetime) -> Doc | None:
    """Count a completed exchange; once each is the caller's to see to. Returns as `rated` does."""
    member = _here(tx, uid, now)
    if member is None:
        return None
    return _write(tx, member, {"completedExchanges": member["completedExchanges"] + 1}, now)


def asked(tx: Tx, uid: str, *, answered: bool, now: datetime) -> None:
    """Count a request for an exchange that `uid` has answered, or has let lapse; once each is the caller's to see to.
    Of who is gone, nothing."""
    member = get(tx, uid)
    if member is not None:
        before = member.get("exchangeRequests") or {"received": 0, "answered": 0}
        counted = {"received": before["received"] + 1, "answered": before["answered"] + answered}
        _write(tx, member, {"exchangeRequests": counted}, now)


def endorse(tx: Tx, uid: str, skill: str, by: str, now: datetime) -> bool:
    """Say that `uid` has a skill: counted once each endorser. A skill taught that is not in the profile comes into it,
    if there is room. Returns whether it counted. Raises Forbidden for oneself."""
    if by == uid:
        raise Forbidden("nobody endorses their own skills", code="OWN_SKILL")
    member, of = _here(tx, uid, now), skills.key(skill)
    if member is None:
        return False
    path = ("members", uid, "endorsements", ids.digest(of, by))
    if tx.get(*path) is not None:
        return False
    tx.create(path, {"key": of, "by": by, "createdAt": now})
    known = any(skills.key(one["name"]) == of for one in member["skills"])
    kept = [
        {**one, "endorsements": one["endorsements"] + 1} if skills.key(one["name"]) == of else one
        for one in member["skills"]
    ]
    if not known and len(kept) < skills.MAX_SKILLS:
        kept.append({"name": skill[: skills.MAX_NAME], "level": None, "endorsements": 1})
    _write(tx, member, {"skills": kept}, now)
    return True


def not_found() -> NotFound:
    return NotFound("there is no such user", code="USER_NOT_FOUND")


def _here(tx: Tx, uid: str, now: datetime) -> Doc | None:
    """`ensure`, for what others do to a member, who may have left meanwhile."""
    try:
        return ensure(tx, uid, now)
    except NotFound:
        return None


def _wishes(offered: Iterable[str], desired: Iterable[str]) -> Doc:
    offered, desired = skills.distinct(offered), skills.distinct(desired)
    return {
        "offeredSkills": offered,
        "offeredKeys": skills.keys(offered),
        "desiredSkills": desired,
        "desiredKeys": skills.keys(desired),
    }


def _endorsements(tx: Tx, uid: str, keys: list[str]) -> dict[str, int]:
    """How many each of these skills has had before: it may have been in the profile once."""
    counts: dict[str, int] = {}
    if keys:
        for one in tx.query(Query(("members", uid, "endorsements")).filter("key", "in", keys)):
            counts[one["key"]] = counts.get(one["key"], 0) + 1
    return counts


def _write(tx: Tx, member: Doc, changed: Doc, now: datetime) -> Doc:
    if not changed:
        return member
    tx.update(("members", member["id"]), {**changed, "updatedAt": now})
    after = {**member, **changed, "updatedAt": now}
    if {"hideFromLeaderboard", "status"} & changed.keys():
        is_shown = after["status"] == "active" and not after["hideFromLeaderboard"]
        gamification.show_on_leaderboard(tx, member["id"], is_shown, now=now)
    return after
