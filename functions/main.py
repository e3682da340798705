"""Entry points of Konnect's functions, a few lines each; functions.yaml says how each is triggered.

Domains are imported at first use, so that a cold start loads only what its request needs.
"""

from typing import Any

import flask
import functions_framework
from cloudevents.http import CloudEvent

from konnect import log
from konnect.config import settings

log.configure(settings().log_level)


# HTTP: firebase.json rewrites reach these three


@functions_framework.http
def api(request: flask.Request) -> flask.typing.ResponseReturnValue:
    from konnect.http import app, routes

    return app.serve(request, routes.ROUTES)


@functions_framework.http
def admin(request: flask.Request) -> flask.typing.ResponseReturnValue:
    from konnect.http import app, routes

    return app.serve(request, routes.ADMIN_ROUTES)


@functions_framework.http
def webhooks(request: flask.Request) -> flask.typing.ResponseReturnValue:
    from konnect.http import app, routes

    return app.serve(request, routes.WEBHOOK_ROUTES)


# Cloud Tasks


@functions_framework.http
def tasks(request: flask.Request) -> flask.typing.ResponseReturnValue:
    from konnect.http import routes
    from konnect.http.tasks import serve_task

    return serve_task(request, routes.TASK_HANDLERS)


# Firestore triggers


@functions_framework.cloud_event
def on_transaction_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "transactions/{transactionId}", "konnect.sessions.triggers:on_transaction_written")


# Cloud Scheduler, and the console: IAM lets nobody else call these


@functions_framework.http
def sweep_sessions(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.sessions.sweeps:sweep")


@functions_framework.http
def sweep_payments(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.payments.sweeps:sweep")


@functions_framework.http
def reconcile(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.reconciliation.service:run")


@functions_framework.http
def settle_withdrawal(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.wallet.console:settle_withdrawal")


@functions_framework.http
def decide_expert(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.experts.console:decide")


def _job(request: flask.Request, function: str) -> Any:
    from konnect.http.internal import serve_job

    return serve_job(request, function)
