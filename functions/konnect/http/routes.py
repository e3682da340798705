"""What each function serves: path prefix → endpoints module, and task path → handler. Strings: nothing is imported."""

ROUTES: dict[str, str] = {
    "/health": "konnect.http.system",
    "/api": "konnect.http.system",
    "/api/auth": "konnect.identity.endpoints",
    "/api/experts": "konnect.experts.endpoints",
    "/api/sessions": "konnect.sessions.endpoints",
    "/api/wallet": "konnect.wallet.endpoints",
    "/api/wallet/deposit": "konnect.payments.endpoints",
    "/api/payments": "konnect.payments.endpoints",
}
"""The function `api`."""

ADMIN_ROUTES: dict[str, str] = {
    "/api/admin/mentor-applications": "konnect.experts.admin_endpoints",
}
"""The function `admin`."""

WEBHOOK_ROUTES: dict[str, str] = {
    "/api/payments/webhook": "konnect.payments.webhook",
}
"""The function `webhooks`."""

TASK_HANDLERS: dict[str, str] = {
    "/sessions/progress": "konnect.sessions.tasks:progress",
    "/sessions/advance": "konnect.sessions.tasks:advance",
    "/payments/collect": "konnect.payments.tasks:collect",
}
"""The function `tasks`: a task's path → "module:function", called as handler(ctx, payload, now)."""
