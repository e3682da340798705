"""What each function serves: path prefix → endpoints module, and task path → handler. Strings: nothing is imported."""

ROUTES: dict[str, str] = {
    "/health": "konnect.http.system",
    "/api": "konnect.http.system",
    "/api/auth": "konnect.identity.endpoints",
    "/api/bookings": "konnect.bookings.endpoints",
    "/api/calls": "konnect.calls.endpoints",
    "/api/conversations": "konnect.messaging.endpoints",
    "/api/experts": "konnect.experts.endpoints",
    "/api/experts/me": "konnect.experts.endpoints",
    "/api/experts/me/dashboard": "konnect.sessions.dashboard_endpoints",
    "/api/experts/register": "konnect.experts.endpoints",
    "/api/experts/specialties": "konnect.experts.endpoints",
    "/api/experts/*": "konnect.sessions.expert_endpoints",
    "/api/experts/*/reviews": "konnect.reviews.endpoints",
    "/api/reviews": "konnect.reviews.endpoints",
    "/api/sessions/*/review": "konnect.reviews.endpoints",
    "/api/messages": "konnect.messaging.endpoints",
    "/api/notifications": "konnect.notifications.endpoints",
    "/api/onboarding": "konnect.identity.endpoints",
    "/api/sessions": "konnect.sessions.endpoints",
    "/api/uploads": "konnect.uploads.endpoints",
    "/api/users": "konnect.deletion.endpoints",
    "/api/wallet": "konnect.wallet.endpoints",
    "/api/wallet/deposit": "konnect.payments.endpoints",
    "/api/wallet/withdraw": "konnect.payouts.endpoints",
    "/api/mentors": "konnect.mentors.endpoints",
    "/api/mentors/*/reviews": "konnect.reviews.endpoints",
    "/api/mentors/availability": "konnect.availability.endpoints",
    "/api/mentors/toggle-bookings": "konnect.availability.endpoints",
    "/api/mentors/*/slots": "konnect.availability.endpoints",
    "/api/mentors/payout-details": "konnect.payouts.endpoints",
    "/api/payments": "konnect.payments.endpoints",
    "/api/payments/create-order": "konnect.bookings.endpoints",
}
"""The function `api`."""

ADMIN_ROUTES: dict[str, str] = {
    "/api/admin/reviews": "konnect.reviews.admin_endpoints",
    "/api/admin/specialties": "konnect.experts.specialty_endpoints",
    "/api/admin/bookings": "konnect.bookings.admin_endpoints",
    "/api/admin/audit": "konnect.admin.config_endpoints",
    "/api/admin/config": "konnect.admin.config_endpoints",
    "/api/admin/mentors": "konnect.admin.mentors.endpoints",
    "/api/admin/mentors/*/approve": "konnect.experts.admin_endpoints",
    "/api/admin/mentors/*/reject": "konnect.experts.admin_endpoints",
    "/api/admin/reported-reviews": "konnect.reviews.admin_endpoints",
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
    "/sessions/cancel-all": "konnect.sessions.tasks:cancel_all",
    "/sessions/acceptance": "konnect.sessions.tasks:acceptance",
    "/payments/collect": "konnect.payments.tasks:collect",
    "/bookings/progress": "konnect.bookings.tasks:progress",
    "/bookings/cancel-all": "konnect.bookings.tasks:cancel_all",
    "/payments/refund": "konnect.payments.tasks:refund",
    "/payouts/send": "konnect.payouts.tasks:send",
    "/experts/give-role": "konnect.experts.tasks:give_role",
    "/deletion/run": "konnect.deletion.tasks:run",
    "/deletion/erase-files": "konnect.deletion.tasks:erase_files",
    "/admin/mentors/import": "konnect.admin.mentors.tasks:advance_import",
}
"""The function `tasks`: a task's path → "module:function", called as handler(ctx, payload, now)."""
