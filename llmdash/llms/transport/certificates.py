"""What TLS trusts, and the certificate it shows."""

from __future__ import annotations

import ssl

from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Certificates"]


class Certificates:
    """The system's certificates (or those of SSL_CERT_FILE and SSL_CERT_DIR), and those of `ca_file` too;
    `client_cert` is shown to servers that ask, its key is in `client_key` or beside it. All are PEM files.
    """

    def __init__(
        self, ca_file: str | None = None, client_cert: str | None = None, client_key: str | None = None
    ) -> None:
        self._ca_file = ca_file
        self._client_cert = client_cert
        self._client_key = client_key

    def context(self) -> ssl.SSLContext:
        """Read the files, which takes about 18 ms. Raises Failure (CONFIG) for one that cannot be used."""
        context = ssl.create_default_context()
        if self._ca_file is not None:
            try:
                context.load_verify_locations(cafile=self._ca_file)
            except OSError as error:
                raise _unusable("ca_file", self._ca_file, error, "name a file of certificates") from None
        if self._client_cert is not None:
            try:
                context.load_cert_chain(self._client_cert, self._client_key, password=_no_password)
            except OSError as error:
                place = " and ".join(name for name in (self._client_cert, self._client_key) if name)
                fix = (
                    "check both files"
                    if self._client_key
                    else "name its key in client_key, unless it is in it"
                )
                raise _unusable("client_cert", place, error, fix) from None
        return context


def _no_password() -> str:
    """OpenSSL would ask the terminal."""
    return ""


def _unusable(setting: str, place: str, error: OSError, fix: str) -> Failure:
    why = "no usable PEM"
    if error.errno is not None and not isinstance(error, ssl.SSLError):
        why, fix = str(error.strerror), "check its path and mode"
    return Failure(FailureKind.CONFIG, f"{setting} {place} cannot be used ({why}); {fix}", reached=False)
