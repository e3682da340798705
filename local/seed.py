"""The accounts of a fresh stack, made through the front door: Auth, the API, and the Razorpay sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.person import CallError, Person, make_admin, make_expert

PASSWORD = "konnect-local"
USER_RUPEES = 500
MENTORS: tuple[dict[str, Any], ...] = (
    {
        "email": "mentor@konnect.test",
        "name": "Ravi Mentor",
        "headline": "Engineering Manager at Acme",
        "bio": "I interview every week, and tell you what I look for.",
        "expertise": [{"name": "System Design", "proficiency": "expert"}, {"name": "DSA"}],
        "experience": {"currentCompany": "Acme", "currentRole": "Engineering Manager", "years": 12},
        "pricing": {"30": 600, "60": 1000},
        "timeZone": "Asia/Kolkata",
    },
    {
        "email": "mentor2@konnect.test",
        "name": "Nora Mentor",
        "headline": "Staff Engineer in New York",
        "bio": "From India to the United States: interviews, offers, and the move.",
        "expertise": [{"name": "DSA", "proficiency": "expert"}],
        "experience": {"currentCompany": "Globex", "currentRole": "Staff Engineer", "years": 9},
        "pricing": {"30": 900, "60": 1600},
        "timeZone": "America/New_York",
    },
)
COURSES: tuple[dict[str, Any], ...] = (
    {
        "title": "Python from Zero",
        "description": "Variables, functions and files, with an exercise each.",
        "category": "Programming",
        "level": "beginner",
        "tags": ["python", "basics"],
        "price": 0,
        "sections": [
            {
                "title": "Begin",
                "lectures": [
                    {"title": "Hello", "durationS": 300, "isPreview": True, "article": "Try `print('hello')`."},
                    {"title": "Names", "durationS": 420, "article": "`x = 1` gives a value a name."},
                ],
                "quizzes": [
                    {
                        "title": "What have you seen?",
                        "questions": [
                            {
                                "text": "What does print do?",
                                "options": ["It shows a text", "It saves a file"],
                                "answer": 0,
                            }
                        ],
                    }
                ],
            }
        ],
    },
    {
        "title": "System Design in Practice",
        "description": "From one server to many: queues, caches, shards, and what each of them costs.",
        "category": "Architecture",
        "level": "advanced",
        "tags": ["system design", "interviews"],
        "price": 999,
        "sections": [
            {
                "title": "Load",
                "lectures": [
                    {"title": "Estimates", "durationS": 600, "isPreview": True, "article": "Count first, then draw."},
                    {"title": "Queues", "durationS": 900, "article": "A queue makes a peak into a wait."},
                ],
            }
        ],
    },
)
WEEK = [{"dayOfWeek": day, "slots": [{"start": "09:00", "end": "21:00"}]} for day in range(7)]
"""When they can be booked, in their own zones."""


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
    mentors = [_mentor(env, admin, **fields) for fields in MENTORS]
    educator = _educator(env, admin)
    balance = user.get("/api/wallet")["balance"]
    return [
        Account("admin", admin.email, PASSWORD, admin.uid, "custom claim role=admin"),
        Account("user", user.email, PASSWORD, user.uid, f"wallet {balance:g} INR"),
        Account("expert", expert.email, PASSWORD, expert.uid, "approved, 10 INR a minute"),
        *mentors,
        educator,
    ]


def _educator(env: Mapping[str, str], admin: Person) -> Account:
    """An expert with courses on sale."""
    educator = Person.sign_up_or_in(env, "educator@konnect.test", PASSWORD, "Diya Educator")
    educator.post("/api/auth/verify")
    try:
        educator.get("/api/experts/me")
    except CallError as error:
        if error.status != 404:
            raise
        make_expert(admin, educator, title="Teacher", specialties=["Python", "System Design"])
    known = {course["title"] for course in educator.get("/api/v1/courses/my-courses")["items"]}
    for course in COURSES:
        if course["title"] not in known:
            made = educator.post("/api/v1/courses", {**course, "status": "pending"})
            admin.call("PUT", f"/api/v1/admin/courses/{made['id']}/status", {"status": "published"})
    note = " and ".join(f"“{course['title']}” at {course['price']:,} INR" for course in COURSES)
    return Account("educator", educator.email, PASSWORD, educator.uid, f"courses: {note}")


def _mentor(env: Mapping[str, str], admin: Person, email: str, name: str, **profile: Any) -> Account:
    """An expert who can be booked."""
    mentor = Person.sign_up_or_in(env, email, PASSWORD, name)
    mentor.post("/api/auth/verify")
    try:
        mentor.get("/api/experts/me")
    except CallError as error:
        if error.status != 404:
            raise
        make_expert(admin, mentor)
        mentor.call("PUT", "/api/mentors/profile", profile)
        mentor.call("PUT", "/api/mentors/availability", {"availability": WEEK})
    prices = " and ".join(f"{price:,} INR for {minutes} minutes" for minutes, price in profile["pricing"].items())
    return Account("mentor", email, PASSWORD, mentor.uid, f"{prices}, {profile['timeZone']}")
