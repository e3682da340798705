"""Wrapping and unwrapping a data key with a key of Cloud KMS, which never leaves it (REST, cryptoKeys.encrypt/decrypt).

In the cloud the functions' service account needs roles/cloudkms.cryptoKeyEncrypterDecrypter on KMS_KEY. KMS rotates
that key by itself: a wrapped key names the version that it was wrapped with. Imported at first use only.
"""

import logging
from functools import cached_property
from typing import Any

from konnect import spans
from konnect.config import GOOGLE_KMS_URL, Settings
from konnect.errors import Unavailable

log = logging.getLogger(__name__)


class Kms:
    """The KMS API, and its sandbox when KMS_URL names one."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.kms_url.rstrip("/")
        self._key = settings.kms_key
        self._timeout_s = settings.kms_timeout_s

    @cached_property
    def _client(self) -> Any:
        from google.cloud import kms_v1

        if self._url == GOOGLE_KMS_URL:
            return kms_v1.KeyManagementServiceClient(transport="rest")
        from google.auth.credentials import AnonymousCredentials

        return kms_v1.KeyManagementServiceClient(
            credentials=AnonymousCredentials(),
            transport="rest",
            client_options={"api_endpoint": self._url},
        )

    @spans.calls("kms")
    def wrap(self, data_key: bytes, about: str) -> bytes:
        """Encrypt a data key; `about` has to be given again to unwrap it. Raises Unavailable."""
        request = {"name": self._key, "plaintext": data_key, "additional_authenticated_data": about.encode()}
        return bytes(self._call("encrypt", request).ciphertext)

    @spans.calls("kms")
    def unwrap(self, wrapped: bytes, about: str) -> bytes:
        """The data key again. Raises Unavailable."""
        request = {"name": self._key, "ciphertext": wrapped, "additional_authenticated_data": about.encode()}
        return bytes(self._call("decrypt", request).plaintext)

    def _call(self, method: str, request: dict[str, Any]) -> Any:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException

        try:
            return getattr(self._client, method)(request=request, timeout=self._timeout_s)
        except (exceptions.GoogleAPICallError, exceptions.RetryError, GoogleAuthError, RequestException) as error:
            # Also what we ourselves have set up wrongly: no request can mend it, and nothing is lost meanwhile.
            log.error("KMS failed", extra={"method": method, "error": str(error)})
            raise Unavailable("encrypted data can't be used right now; please try again") from error
