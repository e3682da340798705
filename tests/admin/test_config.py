"""/api/admin/config and /api/admin/audit."""

from typing import Any

import pytest
import requests

from konnect import platform
from konnect.store import Query
from tests.admin.conftest import ADMIN, USER, Panel
from tests.payments.api import error_code
from tests.support import at_once

PATH = "/api/admin/config"


def change(panel: Panel, body: dict[str, Any], **headers: str) -> requests.Response:
    return panel.admin.call("PATCH", PATH, body, **headers)


@pytest.mark.parametrize("path", [PATH, "/api/admin/audit"])
def test_admins_only(panel: Panel, path: str) -> None:
    assert panel.api.user(None).get(path).status_code == 401
    assert panel.api.user(USER).get(path).status_code == 403
    assert panel.api.user(USER).call("PATCH", PATH, {"platformFeePercent": 1}).status_code == 403


def test_defaults_then_versions(panel: Panel) -> None:
    first = panel.admin.get(PATH)
    assert (first.json()["version"], first.json()["platformFeePercent"], first.json()["updatedBy"]) == (0, 20, None)
    assert first.headers["ETag"] == '"0"'
    second = change(panel, {"platformFeePercent": 18.5, "maxConcurrentMentors": 60, "reason": "new contract"})
    assert second.status_code == 200, second.text
    values = second.json()
    assert (values["version"], values["platformFeePercent"], values["defaultPricePerMin"]) == (1, 18.5, 10)
    assert values["updatedBy"] == ADMIN
    assert panel.admin.get(PATH).json() == values
    assert panel.doc("config", "platform", "versions", "1")["platformFeePercent"] == 18.5
    [entry] = Query(("audit",)).run(panel.ctx.db)
    assert (entry["action"], entry["reason"]) == ("config.change", "new contract")
    assert entry["before"] == {"platformFeePercent": 20, "maxConcurrentMentors": 50, "version": 0}
    assert entry["after"] == {"platformFeePercent": 18.5, "maxConcurrentMentors": 60, "version": 1}
    # The same again is no version.
    assert change(panel, {"platformFeePercent": 18.5}).json()["version"] == 1


def test_the_offer_and_the_time_to_accept(panel: Panel) -> None:
    names = ("acceptSeconds", "freeIntroMinutes", "promotionalPricePerMin", "promotionalMinutes")

    def seen(values: dict[str, Any]) -> list[float | None]:
        return [values[name] for name in names]

    assert seen(panel.admin.get(PATH).json()) == [60, 0, None, 5]
    wanted = {"acceptSeconds": 300, "freeIntroMinutes": 10, "promotionalPricePerMin": 4.5, "promotionalMinutes": 60}
    assert seen(change(panel, wanted).json()) == [300, 10, 4.5, 60]
    assert seen(change(panel, {"promotionalPricePerMin": None}).json()) == [300, 10, None, 60]


def test_in_effect_here_at_once_and_elsewhere_within_a_minute(panel: Panel) -> None:
    assert platform.platform_config(panel.ctx.db).platformFeePercent == 20
    change(panel, {"platformFeePercent": 10})
    assert platform.platform_config(panel.ctx.db).platformFeePercent == 10
    assert platform.CACHE_S <= 60


@pytest.mark.parametrize("of", ["header", "body"])
def test_a_change_of_an_old_version_is_refused(panel: Panel, of: str) -> None:
    def at(version: int, percent: float) -> requests.Response:
        if of == "header":
            return change(panel, {"platformFeePercent": percent}, **{"If-Match": f'"{version}"'})
        return change(panel, {"platformFeePercent": percent, "version": version})

    assert at(0, 10).status_code == 200
    stale = at(0, 11)
    assert (stale.status_code, error_code(stale)) == (409, "VERSION_CONFLICT")
    assert stale.json()["error"]["details"] == [{"version": 1}]
    assert at(1, 11).json()["version"] == 2


def test_of_several_at_once_with_one_version_one_wins(panel: Panel) -> None:
    results = at_once(5, lambda n: change(panel, {"platformFeePercent": n + 1, "version": 0}).status_code)
    assert sorted(str(result) for result in results) == ["200", "409", "409", "409", "409"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"platformFeePercent": 101}, "platformFeePercent"),
        ({"platformFeePercent": "10"}, "platformFeePercent"),
        ({"platformFeePercent": None}, "platformFeePercent"),
        ({"maxConcurrentMentors": 0}, "maxConcurrentMentors"),
        ({"defaultPricePerMin": 1.005}, "defaultPricePerMin"),
        ({"acceptSeconds": 14}, "acceptSeconds"),
        ({"acceptSeconds": 301}, "acceptSeconds"),
        ({"freeIntroMinutes": 11}, "freeIntroMinutes"),
        ({"freeIntroMinutes": None}, "freeIntroMinutes"),
        ({"promotionalPricePerMin": 0}, "promotionalPricePerMin"),
        ({"promotionalMinutes": 0}, "promotionalMinutes"),
        ({"feePercent": 10}, "feePercent"),
        ({"updatedBy": "me"}, "updatedBy"),
        ({"version": "x"}, "version"),
    ],
)
def test_bad_input_names_the_field(panel: Panel, body: dict[str, Any], field: str) -> None:
    response = change(panel, body)
    assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, field)
    assert panel.admin.get(PATH).json()["version"] == 0


def test_a_bad_if_match(panel: Panel) -> None:
    response = change(panel, {"platformFeePercent": 10}, **{"If-Match": '"abc"'})
    assert (response.status_code, response.json()["error"]["details"][0]["field"]) == (400, "If-Match")


def test_audit_filters_and_pages(panel: Panel) -> None:
    for percent in (1, 2, 3):
        change(panel, {"platformFeePercent": percent})

    def listed(**query: str) -> list[int]:
        return [item["after"]["version"] for item in panel.admin.get("/api/admin/audit", **query).json()["items"]]

    assert listed() == [3, 2, 1]
    assert listed(actor=ADMIN) == [3, 2, 1]
    assert listed(actor="somebody") == []
    assert listed(target="config/platform") == [3, 2, 1]
    assert listed(action="config.change") == [3, 2, 1]
    assert listed(action="wallet.adjust", target="config/platform") == []
    first = panel.admin.get("/api/admin/audit", limit=2).json()
    rest = panel.admin.get("/api/admin/audit", limit=2, cursor=first["nextCursor"]).json()
    assert [one["after"]["version"] for one in rest["items"]] == [1]
    assert panel.admin.get("/api/admin/audit", actor="a/b").status_code == 400
