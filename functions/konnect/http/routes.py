"""What each function serves: path prefix → endpoints module, and task path → handler. Strings: nothing is imported."""

ROUTES: dict[str, str] = {
    "/health": "konnect.http.system",
    "/api": "konnect.http.system",
    "/api/auth": "konnect.identity.endpoints",
    "/api/experts": "konnect.experts.endpoints",
    "/api/experts/me": "konnect.experts.endpoints",
    "/api/experts/register": "konnect.experts.endpoints",
    "/api/experts/specialties": "konnect.experts.endpoints",
    "/api/experts/*": "konnect.sessions.expert_endpoints",
    "/api/experts/*/reviews": "konnect.reviews.endpoints",
    "/api/reviews": "konnect.reviews.endpoints",
    "/api/sessions/*/review": "konnect.reviews.endpoints",
    "/api/onboarding": "konnect.identity.endpoints",
    "/api/sessions": "konnect.sessions.endpoints",
    "/api/users": "konnect.deletion.endpoints",
    "/api/wallet": "konnect.wallet.endpoints",
    "/api/wallet/deposit": "konnect.payments.endpoints",
    "/api/payments": "konnect.payments.endpoints",
}
"""The function `api`."""

ADMIN_ROUTES: dict[str, str] = {
    "/api/admin/reviews": "konnect.reviews.admin_endpoints",
    "/api/admin/specialties": "konnect.experts.specialty_endpoints",
    "/api/admin/audit": "konnect.admin.config_endpoints",
    "/api/admin/config": "konnect.admin.config_endpoints",
    "/api/admin/mentors": "konnect.admin.mentors.endpoints",
    "/api/admin/metrics": "konnect.admin.metrics_endpoints",
    "/api/admin/revenue": "konnect.admin.money_endpoints",
    "/api/admin/sessions": "konnect.admin.sessions_endpoints",
    "/api/admin/settlements": "konnect.admin.money_endpoints",
    "/api/admin/transactions": "konnect.admin.money_endpoints",
    "/api/admin/users": "konnect.admin.users_endpoints",
    "/api/admin/wallets": "konnect.admin.money_endpoints",
    "/api/admin/mentor-applications": "konnect.experts.admin_endpoints",
}
"""The function `admin`."""

WEBHOOK_ROUTES: dict[str, str] = {
    "/api/payments/webhook": "konnect.payments.webhook",
}
"""The function `webhooks`."""

TASK_HANDLERS: dict[str, str] = {
    "/experts/rename-specialty": "konnect.experts.tasks:rename_specialty",
    "/experts/take-role": "konnect.experts.tasks:take_role",
    "/sessions/progress": "konnect.sessions.tasks:progress",
    "/sessions/advance": "konnect.sessions.tasks:advance",
    "/payments/collect": "konnect.payments.tasks:collect",
    "/experts/give-role": "konnect.experts.tasks:give_role",
    "/deletion/run": "konnect.deletion.tasks:run",
    "/admin/mentors/import": "konnect.admin.mentors.tasks:advance_import",
}
"""The function `tasks`: a task's path → "module:function", called as handler(ctx, payload, now)."""
