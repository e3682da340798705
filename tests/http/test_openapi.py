"""The documents: what routes and events declare is in them, every reference leads somewhere, the files are current."""

from typing import Any

import pytest

from konnect.http import asyncapi, openapi
from konnect.http.asyncapi import Event
from konnect.http.routing import Call, Router
from konnect.http.schemas import Schema
from local.openapi import outdated
from tests.http import sample


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    return [ref for item in node for ref in references(item)] if isinstance(node, list) else []


def resolve(document: dict[str, Any], ref: str) -> Any:
    node: Any = document
    for part in ref.removeprefix("#/").split("/"):
        node = node[part]
    return node


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document([sample.router])


class TestOpenApi:
    def test_references(self, document: dict[str, Any]) -> None:
        found = references(document)
        assert found
        for ref in found:
            resolve(document, ref)

    def test_operation(self, document: dict[str, Any]) -> None:
        create = document["paths"]["/api/things"]["post"]
        assert create["operationId"] == "thingsCreate"
        assert create["security"] == [{"firebase": []}]
        assert [parameter["name"] for parameter in create["parameters"]] == ["Idempotency-Key"]
        assert set(create["responses"]) == {"201", "400", "401", "402", "403", "409", "413", "429", "503"}
        body = resolve(document, create["requestBody"]["content"]["application/json"]["schema"]["$ref"])
        assert body["required"] == ["amount", "displayName"]
        assert body["properties"]["displayName"] == {"maxLength": 10, "minLength": 2, "type": "string"}
        thing = resolve(document, create["responses"]["201"]["content"]["application/json"]["schema"]["$ref"])
        assert thing["properties"]["createdAt"]["format"] == "date-time"
        assert thing["properties"]["priceInr"]["examples"] == [10]

    def test_parameters(self, document: dict[str, Any]) -> None:
        many = document["paths"]["/api/things"]["get"]
        by_name = {parameter["name"]: parameter for parameter in many["parameters"]}
        assert set(by_name) == {"limit", "cursor", "kind", "tag"}
        assert by_name["limit"]["schema"] == {"default": 20, "maximum": 100, "minimum": 1, "type": "integer"}
        assert by_name["kind"]["schema"] == {"enum": ["small", "large"], "type": "string"}
        assert not by_name["cursor"]["required"]
        assert many["security"] == []
        assert (many["summary"], many["description"]) == ("Things, newest first", "Filtered by kind.")
        assert many["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/ThingList")
        assert "ThingsQuery" not in document["components"]["schemas"]
        one = document["paths"]["/api/things/{thingId}"]["get"]
        assert one["parameters"][0]["in"] == "path"

    def test_roles_are_said(self, document: dict[str, Any]) -> None:
        assert document["paths"]["/api/things/{thingId}"]["delete"]["x-role"] == "admin"

    def test_twice_is_an_error(self) -> None:
        with pytest.raises(ValueError):
            openapi.document([sample.router, sample.router])


class TestRoutes:
    def test_a_handler_must_fit_its_path(self) -> None:
        router = Router("Wrong")

        def forgets(call: Call) -> None: ...

        def untyped(call: Call, body: dict) -> None: ...

        with pytest.raises(TypeError):
            router.get("/api/<thing_id>")(forgets)
        with pytest.raises(TypeError):
            router.post("/api")(untyped)
        assert router.routes == []


class Said(Schema):
    chat_id: str


class Heard(Schema):
    message_id: str


EVENTS = [
    Event("chat-message", "client", payload=Said, ack=Heard, summary="Send a message."),
    Event("new-message", "server", payload=Said),
    Event("call-ended", "client", payload=Said),
    Event("call-ended", "server", payload=Said),
    Event("get-online-experts", "client"),
    Event("typing_start", "client", "/chat", Said),
]


class TestAsyncApi:
    def test_events(self) -> None:
        document = asyncapi.document(EVENTS)
        for ref in references(document):
            resolve(document, ref)
        assert {channel["address"] for channel in document["channels"].values()} == {"/", "/chat"}
        send = document["operations"]["clientChatMessage"]
        assert (send["action"], send["summary"]) == ("receive", "Send a message.")
        assert resolve(document, resolve(document, send["messages"][0]["$ref"])["$ref"])["name"] == "chat-message"
        reply = resolve(document, resolve(document, send["reply"]["messages"][0]["$ref"])["$ref"])
        assert [ref["$ref"].rpartition("/")[2] for ref in reply["payload"]["oneOf"]] == ["Heard", "ErrorBody"]
        assert document["operations"]["serverNewMessage"]["action"] == "send"
        assert document["components"]["messages"]["clientGetOnlineExperts"]["payload"] == {"type": "null"}
        assert "chat_clientTypingStart" in document["operations"]

    def test_twice_is_an_error(self) -> None:
        with pytest.raises(ValueError):
            asyncapi.document([*EVENTS, EVENTS[0]])


def test_the_served_files_are_current() -> None:
    assert outdated() == [], "run make openapi"
