"""A mentor's profile: applied for, decided, shown, changed."""

from typing import Any

import pytest

from konnect.platform import forget
from konnect.store import Query
from tests.experts import world
from tests.mentors.conftest import APPLICATION, Served
from tests.payments.api import error_code

PRIVATE = {"email", "phone", "linkedinUrl", "firebaseUid", "onboardingData", "mentorStatus", "cancellationRate"}


class TestApply:
    def test_waits_for_an_admin(self, served: Served) -> None:
        made = served.apply("asha")
        assert made["applicationStatus"] == "pending"
        assert made["mentorStatus"] == "applied"
        assert made["verified"] is False
        assert made["expertise"] == [
            {"name": "DSA", "proficiency": None},
            {"name": "System Design", "proficiency": "expert"},
        ]
        assert made["experience"] == APPLICATION["experience"]
        assert made["pricing"] == {"30": 499, "60": 899}
        assert made["startingPrice"] == 499
        assert made["linkedinUrl"] == APPLICATION["linkedinUrl"]
        # One profile: what Konnect shows of an expert is the same document.
        expert = world.doc(served.ctx, "experts", "asha")
        assert (expert["title"], expert["company"], expert["experience"]) == ("SDE-2 at Google", "Google", 6)
        assert expert["specialties"] == ["DSA", "System Design"]
        assert expert["pricingPaise"] == {"30": 49900, "60": 89900}
        assert "linkedinUrl" not in expert
        assert world.doc(served.ctx, "availability", "asha")["weekly"] == {"1": [{"from": 540, "to": 720}]}
        assert served.student.get("/api/mentors/asha-rao").status_code == 404
        [told] = Query(("notifications",)).run(served.ctx.db)
        assert (told["userId"], told["type"]) == ("asha", "application_received")

    def test_once(self, served: Served) -> None:
        served.apply("asha")
        again = served.api.user("asha").call("POST", "/api/mentors/apply", APPLICATION)
        assert (again.status_code, error_code(again)) == (409, "ALREADY_REGISTERED")

    def test_anonymous(self, served: Served) -> None:
        assert served.nobody.call("POST", "/api/mentors/apply", APPLICATION).status_code == 401

    def test_the_accounts_name(self, served: Served) -> None:
        given = {name: value for name, value in APPLICATION.items() if name != "name"}
        nameless = served.api.user("asha").call("POST", "/api/mentors/apply", given)
        assert nameless.json()["error"]["details"][0]["field"] == "name"
        made = served.api.user("ravi", name="Ravi Nair").call("POST", "/api/mentors/apply", given)
        assert (made.json()["name"], made.json()["slug"]) == ("Ravi Nair", "ravi-nair")

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"headline": " "}, "headline"),
            ({"headline": None}, "headline"),
            ({"bio": "x" * 2001}, "bio"),
            ({"bio": ""}, "bio"),
            ({"expertise": []}, "expertise"),
            ({"expertise": ["Cooking"]}, "expertise.0.name"),
            ({"expertise": ["DSA", "DSA"]}, "expertise"),
            ({"expertise": [{"name": "DSA", "proficiency": "guru"}]}, "expertise.0.proficiency"),
            ({"experience": {"currentCompany": "Google"}}, "experience.years"),
            ({"experience": {"years": 71}}, "experience.years"),
            ({"experience": {"years": 3, "past": [{"company": "Acme"}]}}, "experience.past.0.role"),
            (
                {"experience": {"years": 3, "past": [{"company": "A", "role": "B", "from": "2020-13"}]}},
                "experience.past.0.from",
            ),
            (
                {
                    "experience": {
                        "years": 3,
                        "past": [{"company": "A", "role": "B", "from": "2020-06", "to": "2019"}],
                    }
                },
                "experience.past.0",
            ),
            ({"sessionTopics": ["Astrology"]}, "sessionTopics.0"),
            ({"sessionTopics": []}, "sessionTopics"),
            ({"pricing": {}}, "pricing"),
            ({"pricing": {"30": 299.99}}, "pricing.30"),
            ({"pricing": {"30": 300, "60": 3000.01}}, "pricing.60"),
            ({"pricing": {"30": "499"}}, "pricing.30"),
            ({"linkedinUrl": "https://example.com/in/asha"}, "linkedinUrl"),
            ({"linkedinUrl": "javascript:alert(1)//linkedin.com/in/a"}, "linkedinUrl"),
            ({"photo": "asha.png"}, "photo"),
            ({"timeZone": "Mars/Base"}, "timeZone"),
            ({"availability": [{"dayOfWeek": 7, "slots": []}]}, "availability.0.dayOfWeek"),
        ],
    )
    def test_invalid(self, served: Served, changed: dict[str, Any], field: str) -> None:
        answer = served.api.user("asha").call("POST", "/api/mentors/apply", {**APPLICATION, **changed})
        assert answer.status_code == 400, answer.text
        assert field in [one["field"] for one in answer.json()["error"]["details"]]
        assert served.ctx.db.get("experts", "asha") is None
        assert Query(("slugs",)).run(served.ctx.db) == []

    def test_the_bounds_of_prices_are_configured(self, served: Served) -> None:
        served.ctx.db.set(("config", "platform"), {"minBookingPrice": 100, "maxBookingPrice": 400})
        forget(served.ctx.db)
        assert served.apply("asha", pricing={"30": 100, "60": 400})["pricing"] == {"30": 100, "60": 400}
        over = served.api.user("ravi").call("POST", "/api/mentors/apply", {**APPLICATION, "pricing": {"60": 401}})
        assert over.json()["error"]["details"][0]["field"] == "pricing.60"


class TestPage:
    def test_shows_the_mentor_and_nothing_private(self, served: Served) -> None:
        served.approved("asha")
        for key in ("asha-rao", "asha"):
            answer = served.student.get(f"/api/mentors/{key}")
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert (page["id"], page["slug"], page["verified"]) == ("asha", "asha-rao", True)
            assert page["headline"] == "SDE-2 at Google"
            assert page["sessionTopics"] == ["Mock Interview", "System Design"]
            assert page["timeZone"] == "Asia/Kolkata"
            assert (page["totalSessions"], page["repeatStudentRate"], page["responseMins"]) == (0, 0, None)
            assert not PRIVATE & set(page)
            assert "konnect.test" not in answer.text
            assert "linkedin" not in answer.text.lower()

    def test_an_expert_who_says_nothing_of_it(self, served: Served) -> None:
        world.expert(served.ctx, "ravi", name="Ravi", specialties=["Cooking", "DevOps"])
        page = served.student.get("/api/mentors/ravi").json()
        assert page["expertise"] == [{"name": "DevOps", "proficiency": None}]
        assert (page["pricing"], page["startingPrice"], page["isAcceptingBookings"]) == (None, None, False)
        assert len(page["sessionTopics"]) == 5

    @pytest.mark.parametrize("slug", ["nobody", "a%2Fb", "asha%20rao"])
    def test_missing(self, served: Served, slug: str) -> None:
        answer = served.student.get(f"/api/mentors/{slug}")
        assert answer.status_code == 404

    def test_anonymous(self, served: Served) -> None:
        served.approved("asha")
        assert served.nobody.get("/api/mentors/asha-rao").status_code == 401

    def test_health(self, served: Served) -> None:
        answer = served.nobody.get("/api/mentors/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")


class TestEdit:
    def test_what_is_left_out_stays(self, served: Served) -> None:
        served.approved("asha")
        asha = served.mentor("asha")
        changed = {
            "headline": "Staff Engineer",
            "experience": {"currentCompany": "Acme"},
            "expertise": [{"name": "ML/AI", "proficiency": "beginner"}],
            "pricing": {"30": 599},
        }
        after = asha.call("PUT", "/api/mentors/profile", changed).json()
        assert after["headline"] == "Staff Engineer"
        assert after["experience"] == {**APPLICATION["experience"], "currentCompany": "Acme"}
        assert after["expertise"] == [{"name": "ML/AI", "proficiency": "beginner"}]
        assert after["pricing"] == {"30": 599, "60": 899}
        assert after["bio"] == APPLICATION["bio"]
        assert after["applicationStatus"] == "approved"
        assert asha.get("/api/experts/me").json()["title"] == "Staff Engineer"

    def test_a_length_without_a_price_can_not_be_booked(self, served: Served) -> None:
        served.approved("asha")
        asha = served.mentor("asha")
        after = asha.call("PUT", "/api/mentors/profile", {"pricing": {"30": None}}).json()
        assert (after["pricing"], after["startingPrice"]) == ({"30": None, "60": 899}, 899)
        answer = asha.call("PUT", "/api/mentors/profile", {"pricing": {"60": None}})
        assert answer.json()["error"]["details"][0]["field"] == "pricing"

    def test_specialties_beyond_the_seven_stay(self, served: Served) -> None:
        world.expert(served.ctx, "ravi", specialties=["DSA", "Kubernetes"])
        changed = {"expertise": ["Backend"]}
        assert served.mentor("ravi").call("PUT", "/api/mentors/profile", changed).status_code == 200
        assert world.doc(served.ctx, "experts", "ravi")["specialties"] == ["Backend", "Kubernetes"]

    def test_topics_are_those_that_can_be_booked(self, served: Served) -> None:
        served.approved("asha")
        changed = {"sessionTopics": ["Resume Review"]}
        assert served.mentor("asha").call("PUT", "/api/mentors/profile", changed).status_code == 200
        assert world.doc(served.ctx, "experts", "asha")["topics"] == ["Resume Review"]

    def test_addresses_and_numbers_are_not_shown(self, served: Served) -> None:
        reach = "asha@gmail.com or +91 98765 43210"
        experience = {"currentCompany": reach, "years": 1, "past": [{"company": "Acme", "role": reach}]}
        served.approved("asha", bio=reach, headline=reach, experience=experience)
        page = served.student.get("/api/mentors/asha-rao")
        assert page.status_code == 200
        assert "gmail" not in page.text
        assert "43210" not in page.text
        slug = served.mentor("asha").call("PUT", "/api/mentors/profile", {"slug": "call-9876543210"})
        assert slug.json()["error"]["details"][0]["field"] == "slug"
        served.ctx.db.set(("config", "platform"), {"maskContacts": "nowhere"})
        forget(served.ctx.db)
        assert (
            served.mentor("asha").call("PUT", "/api/mentors/profile", {"headline": reach}).json()["headline"] == reach
        )

    def test_nothing_changes_nothing(self, served: Served) -> None:
        served.approved("asha")
        before = world.doc(served.ctx, "experts", "asha")
        assert served.mentor("asha").call("PUT", "/api/mentors/profile", {}).status_code == 200
        assert world.doc(served.ctx, "experts", "asha") == before

    def test_who(self, served: Served) -> None:
        served.apply("asha")
        for user, status in ((served.nobody, 401), (served.student, 403), (served.mentor("nobody"), 404)):
            assert user.call("PUT", "/api/mentors/profile", {"headline": "X"}).status_code == status
        waiting = served.mentor("asha").call("PUT", "/api/mentors/profile", {"headline": "X"})
        assert (waiting.status_code, error_code(waiting)) == (403, "EXPERT_NOT_APPROVED")

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"headline": None}, "headline"),
            ({"expertise": None}, "expertise"),
            ({"pricing": {"30": 3001}}, "pricing.30"),
            ({"bio": "x" * 2001}, "bio"),
            ({"photo": "ftp://x/y.png"}, "photo"),
            ({"experience": {"years": -1}}, "experience.years"),
        ],
    )
    def test_invalid(self, served: Served, changed: dict[str, Any], field: str) -> None:
        served.approved("asha")
        answer = served.mentor("asha").call("PUT", "/api/mentors/profile", changed)
        assert answer.status_code == 400
        assert answer.json()["error"]["details"][0]["field"] == field

    def test_a_foreign_file_is_no_photo(self, served: Served) -> None:
        served.approved("asha")
        bucket = served.ctx.settings.storage_bucket
        foreign = f"https://storage.googleapis.com/{bucket}/photos/other/1/x.png"
        answer = served.mentor("asha").call("PUT", "/api/mentors/profile", {"photo": foreign})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["details"][0]["field"] == "photo"
        elsewhere = "https://lh3.googleusercontent.com/a/asha"
        after = served.mentor("asha").call("PUT", "/api/mentors/profile", {"photo": elsewhere}).json()
        assert after["photo"] == elsewhere
