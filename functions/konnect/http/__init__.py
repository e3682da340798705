"""The HTTP layer: werkzeug's routing and pydantic, light to import, since every cold start pays for it."""

VERSION = "0.1.0"
"""The API's version, of /health and the two documents; pyproject.toml has the same."""
