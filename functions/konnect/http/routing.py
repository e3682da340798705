"""Routes: which handler answers which method and path, for whom, with which models.

    router = Router("Wallet")

    @router.get("/api/wallet/transactions/<transaction_id>", response=TransactionView, errors=(404,))
    def one_transaction(call: Call, transaction_id: str) -> TransactionView:
        ...

A handler takes `call`, then by name: `body` and `query` (pydantic models), and each <variable> of its path (a string
that can be a document id; any other is 404). It returns a model, a dict, a pair (either, status), None (204), or a
Response of its own. A dict is validated by the declared `response`, so nothing undocumented leaves.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_type_hints

from flask import Request, Response
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from werkzeug.routing import Map, Rule

from konnect import auth as authentication
from konnect import ids, log
from konnect.auth import Principal
from konnect.errors import Forbidden, KonnectError, NotFound, PayloadTooLarge, Unauthenticated
from konnect.limits import Name as LimitName

from . import limiting, responses
from .validation import parse_body, parse_query

if TYPE_CHECKING:
    from konnect.context import Context

MAX_BODY_BYTES = 1_000_000
Auth = Literal["public", "user", "expert", "admin"]
_ROLES = {"expert": {"expert", "admin"}, "admin": {"admin"}}
Handler = TypeVar("Handler", bound=Callable[..., Any])
VARIABLE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
"""Of a path: its name."""


class Call:
    """One request, as its handler sees it. `now` is when it arrived."""

    def __init__(self, request: Request, request_id: str, now: datetime, ctx: "Context | None" = None) -> None:
        self.request = request
        self.request_id = request_id
        self.now = now
        self.principal: Principal | None = None
        self.response_headers: dict[str, str] = {}
        self.max_body_bytes = MAX_BODY_BYTES
        self.log_fields: dict[str, str] = {}
        self.logged_path = request.path
        self._ctx = ctx

    @cached_property
    def ctx(self) -> "Context":
        """The process's context; imported at first use, since /health needs none of it."""
        if self._ctx is not None:
            return self._ctx
        from konnect.context import context

        return context()

    @property
    def user(self) -> Principal:
        """The caller, on a route that isn't public."""
        assert self.principal is not None
        return self.principal

    @cached_property
    def visitor(self) -> Principal | None:
        """On a public route: who is signed in, None for nobody. Raises Unauthenticated, Forbidden for a token that is
        refused elsewhere too."""
        header = self.request.headers.get("Authorization")
        if self.principal is not None or header is None:
            return self.principal
        # What one of them may see is not for a cache that serves all.
        self.response_headers["Cache-Control"] = "no-store"
        return authentication.authenticate(self.ctx, authentication.bearer(header))

    @property
    def idempotency_key(self) -> str | None:
        """The Idempotency-Key header as it was sent."""
        return self.request.headers.get("Idempotency-Key")

    @cached_property
    def raw_body(self) -> bytes:
        """The body's bytes, as signed by a webhook. Raises PayloadTooLarge."""
        # A stated length is refused unread; a chunked body is bounded by the server before it comes here.
        if (self.request.content_length or 0) > self.max_body_bytes:
            raise PayloadTooLarge(f"the body must not exceed {self.max_body_bytes} bytes")
        data = self.request.get_data(cache=True)
        if len(data) > self.max_body_bytes:
            raise PayloadTooLarge(f"the body must not exceed {self.max_body_bytes} bytes")
        return data


@dataclass(frozen=True)
class Route:
    """One operation; what is documented is what is enforced."""

    method: str
    path: str
    handler: Callable[..., Any]
    tag: str
    auth: Auth
    summary: str
    description: str
    response: type[BaseModel] | None
    status: int
    errors: tuple[int, ...]
    idempotent: bool
    max_body_bytes: int
    documented: bool
    limit: LimitName | None
    counts_itself: bool
    documentation: Mapping[str, Any] = field(default_factory=dict, hash=False)
    body: type[BaseModel] | None = field(default=None)
    query: type[BaseModel] | None = field(default=None)

    @property
    def template(self) -> str:
        """The path as it is documented: "/api/sessions/{sessionId}"."""
        return VARIABLE.sub(lambda found: "{" + to_camel(found[1]) + "}", self.path)

    def answer(self, call: Call, variables: Mapping[str, str]) -> Response:
        """Authorise, count, parse, call the handler, render. Raises KonnectError."""
        call.max_body_bytes = self.max_body_bytes
        self._authorise(call)
        for name, value in variables.items():
            if not ids.valid(value):
                raise NotFound(f"there is no such {name.removesuffix('_id').replace('_', ' ')}")
        arguments: dict[str, Any] = dict(variables)
        if self.query is not None:
            arguments["query"] = parse_query(self.query, call.request.args)
        if self.body is not None:
            arguments["body"] = parse_body(self.body, call.raw_body)
        result = self.handler(call, **arguments)
        response = self._render(result)
        response.headers.update(call.response_headers)
        if self.auth != "public":
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _authorise(self, call: Call) -> None:
        if self.auth == "public":
            if self.limit is not None and not self.counts_itself:
                limiting.take(call, self.limit, _bearer_of(call))
            return
        try:
            token = authentication.bearer(call.request.headers.get("Authorization"))
            call.principal = authentication.authenticate(call.ctx, token)
        except (Unauthenticated, Forbidden):
            if self.limit is not None:
                limiting.take(call, self.limit, None)
            raise
        log.bind(**call.log_fields, uid=call.principal.uid)
        if self.limit is not None:
            limiting.take(call, self.limit, call.principal.uid)
        if self.auth in _ROLES and call.principal.role not in _ROLES[self.auth]:
            raise Forbidden(f"this needs the role {self.auth}")

    def _render(self, result: Any) -> Response:
        if isinstance(result, Response):
            return result
        value, status = result if isinstance(result, tuple) else (result, self.status)
        if isinstance(value, dict) and self.response is not None:
            value = self.response.model_validate(value)
        return responses.render(value, status)


def _bearer_of(call: Call) -> str | None:
    """Who is signed in on a route that is open to all, so that one address' users are counted one by one."""
    header = call.request.headers.get("Authorization")
    if header is None:
        return None
    try:
        return authentication.verify_token(authentication.bearer(header), using=call.ctx.settings).uid
    except KonnectError:
        return None


class Router:
    """The routes of one endpoints module, under one tag of the documentation."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.routes: list[Route] = []

    def route(
        self,
        method: str,
        path: str,
        *,
        response: type[BaseModel] | None = None,
        auth: Auth = "user",
        summary: str = "",
        status: int = 200,
        errors: tuple[int, ...] = (),
        idempotent: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
        limit: LimitName | Literal["by role"] | None = "by role",
        counts_itself: bool = False,
        documented: bool = True,
        documentation: Mapping[str, Any] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register a handler. `errors`: the statuses it can answer with, beside those that every route has;
        `idempotent`: it heeds Idempotency-Key; `limit`: the rate limit that it counts for (konnect.limits), by role
        `admin` or `general`, None for what costs next to nothing or must never be refused; `counts_itself`:
        a public handler that knows better than by address whose request it is, and counts it; `documentation`: what
        OpenAPI says of a body or an answer that no model describes (a file). The handler's docstring is the
        description; without `summary`, its first sentence is that.
        """

        def register(handler: Handler) -> Handler:
            models = _models(handler, path)
            documented_summary, description = _described(handler, summary)
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    tag=self.tag,
                    auth=auth,
                    summary=documented_summary,
                    description=description,
                    response=response,
                    status=status,
                    errors=errors,
                    idempotent=idempotent,
                    max_body_bytes=max_body_bytes,
                    documented=documented,
                    limit=("admin" if auth == "admin" else "general") if limit == "by role" else limit,
                    counts_itself=counts_itself,
                    documentation=documentation or {},
                    body=models.get("body"),
                    query=models.get("query"),
                )
            )
            self.__dict__.pop("_map", None)
            return handler

        return register

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.route("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.route("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.route("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.route("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.route("DELETE", path, **options)

    @cached_property
    def _map(self) -> Map:
        rules = [Rule(route.path, methods=[route.method], endpoint=route) for route in self.routes]
        return Map(rules, strict_slashes=False, merge_slashes=False, redirect_defaults=False)

    def match(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route and its path's variables; a literal segment wins over a variable. Raises werkzeug's NotFound,
        MethodNotAllowed.
        """
        route, variables = self._map.bind("konnect").match(path, method=method)
        return route, variables


def _described(handler: Callable[..., Any], summary: str) -> tuple[str, str]:
    """Summary and description."""
    text = inspect.getdoc(handler) or ""
    if summary:
        return summary, text
    found = re.match(r"(.*?)\.(?:\s|$)", text, re.DOTALL)
    sentence, rest = (found[1], text[found.end() :]) if found else (text, "")
    return " ".join(sentence.split()), rest.strip()


def _models(handler: Callable[..., Any], path: str) -> dict[str, type[BaseModel]]:
    """The models of `body` and `query`. Raises TypeError for a handler that its path can't call."""
    parameters = list(inspect.signature(handler).parameters)
    variables = Rule(path)
    Map([variables])
    expected = set(variables.arguments)
    if parameters[:1] != ["call"] or set(parameters[1:]) - {"body", "query"} != expected:
        raise TypeError(f"{handler.__qualname__} must take (call, [body], [query], {sorted(expected)}) for {path}")
    hints = get_type_hints(handler)
    models: dict[str, type[BaseModel]] = {name: hints[name] for name in ("body", "query") if name in parameters}
    for name, model in models.items():
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{handler.__qualname__}: {name} must be annotated with a pydantic model")
    return models
