"""Entry points of Konnect's functions, a few lines each; functions.yaml says how each is triggered.

Domains are imported at first use, so that a cold start loads only what its request needs.
"""

from typing import Any

import flask
import functions_framework
from cloudevents.http import CloudEvent

from konnect import log, spans
from konnect.config import settings

log.configure(settings().log_level, settings().google_cloud_project)
spans.configure(settings(), "functions")


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


@functions_framework.cloud_event
def on_user_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "users/{uid}", "konnect.admin.user_index:on_user_written")


@functions_framework.cloud_event
def on_member_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "members/{uid}", "konnect.admin.user_index:on_user_written")


@functions_framework.cloud_event
def on_user_verified(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "users/{uid}", "konnect.experts.account_triggers:on_user_verified")


@functions_framework.cloud_event
def on_member_account_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "users/{uid}", "konnect.members.triggers:on_account_written")


@functions_framework.cloud_event
def on_expert_created(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "experts/{expertId}", "konnect.experts.account_triggers:on_expert_created")


@functions_framework.cloud_event
def on_mentor_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "experts/{expertId}", "konnect.admin.mentors.index:on_mentor_written")


@functions_framework.cloud_event
def on_notification_created(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    pattern = "notifications/{notificationId}"
    serve_trigger(event, pattern, "konnect.notifications.triggers:on_notification_created")


@functions_framework.cloud_event
def on_expert_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "experts/{expertId}", "konnect.experts.triggers:on_expert_written")


@functions_framework.cloud_event
def on_course_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "courses/{courseId}", "konnect.courses.triggers:on_course_written")


@functions_framework.cloud_event
def on_educator_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "experts/{expertId}", "konnect.courses.triggers:on_educator_written")


@functions_framework.cloud_event
def on_session_terms_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "sessions/{sessionId}/private/terms", "konnect.sessions.orders:on_terms_written")


@functions_framework.cloud_event
def on_booking_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "bookings/{bookingId}", "konnect.messaging.triggers:on_booking_written")


@functions_framework.cloud_event
def on_exchange_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "exchanges/{exchangeId}", "konnect.messaging.triggers:on_exchange_written")


@functions_framework.cloud_event
def on_review_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "reviews/{reviewId}", "konnect.reviews.triggers:on_review_written")


@functions_framework.cloud_event
def on_booking_ended(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "bookings/{bookingId}", "konnect.mentors.triggers:on_booking_written")


@functions_framework.cloud_event
def on_mentor_message_created(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    pattern = "conversations/{chatId}/messages/{messageId}"
    serve_trigger(event, pattern, "konnect.messaging.response_times:on_message_created")


@functions_framework.cloud_event
def on_payment_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "payments/{paymentId}", "konnect.invoices.triggers:on_payment_written")


@functions_framework.cloud_event
def on_course_purchase_written(event: CloudEvent) -> None:
    from konnect.http.internal import serve_trigger

    serve_trigger(event, "coursePurchases/{purchaseId}", "konnect.invoices.triggers:on_course_purchase_written")


# Cloud Scheduler, and the console: IAM lets nobody else call these


@functions_framework.http
def sweep_sessions(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.sessions.sweeps:sweep")


@functions_framework.http
def sweep_bookings(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.bookings.sweeps:sweep")


@functions_framework.http
def sweep_consults(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.consults.sweeps:sweep")


@functions_framework.http
def sweep_live_sessions(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.live.sweeps:sweep")


@functions_framework.http
def sweep_exchanges(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.exchange.sweeps:sweep")


@functions_framework.http
def sweep_packages(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.packages.sweeps:sweep")


@functions_framework.http
def sweep_payments(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.payments.sweeps:sweep")


@functions_framework.http
def sweep_invoices(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.invoices.sweeps:sweep")


@functions_framework.http
def sweep_payouts(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.payouts.sweeps:sweep")


@functions_framework.http
def pay_earnings(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.earnings.tasks:pay_earnings")


@functions_framework.http
def sweep_subscriptions(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.subscriptions.sweeps:sweep")


@functions_framework.http
def sample_metrics(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.days:sample")


@functions_framework.http
def roll_up_metrics(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.days:roll_up")


@functions_framework.http
def tell_messages(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.messaging.notices:tell")


@functions_framework.http
def digest_messages(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.messaging.notices:digest")


@functions_framework.http
def sweep_accounts(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.deletion.sweeps:sweep")


@functions_framework.http
def sweep_uploads(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.uploads.sweeps:sweep")


@functions_framework.http
def reconcile(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.reconciliation.service:run")


@functions_framework.http
def settle_withdrawal(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.payouts.console:settle_withdrawal", can_rehearse=True)


@functions_framework.http
def show_payout_details(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.payouts.console:show_payout_details")


@functions_framework.http
def rotate_encryption_key(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.encryption:rotate")


@functions_framework.http
def pay_mentor(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.earnings.console:pay_mentor", can_rehearse=True)


@functions_framework.http
def decide_expert(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.experts.console:decide", can_rehearse=True)


@functions_framework.http
def refund_session(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.console:refund_session", can_rehearse=True)


@functions_framework.http
def refund_booking(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.console:refund_booking", can_rehearse=True)


@functions_framework.http
def refund_course(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.console:refund_course", can_rehearse=True)


@functions_framework.http
def settle_refund(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.console:settle_refund", can_rehearse=True)


@functions_framework.http
def decide_dispute(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.console:decide_dispute", can_rehearse=True)


@functions_framework.http
def adjust_wallet(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.console:adjust_wallet", can_rehearse=True)


@functions_framework.http
def set_user(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.console:set_user", can_rehearse=True)


@functions_framework.http
def set_config(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.console:set_config", can_rehearse=True)


@functions_framework.http
def import_mentors(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.mentors.console:import_mentors", can_rehearse=True)


@functions_framework.http
def toggle_mentor(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return _job(request, "konnect.admin.mentors.console:toggle_mentor", can_rehearse=True)


def _job(request: flask.Request, function: str, *, can_rehearse: bool = False) -> Any:
    from konnect.http.internal import serve_job

    return serve_job(request, function, can_rehearse=can_rehearse)
