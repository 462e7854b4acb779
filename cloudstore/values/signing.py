"""Signatures of stored values: without the key, nobody can make a value that is loaded."""

from __future__ import annotations

import hashlib
import hmac
import os

from core.errors import DagsterInvalidConfigError

SIGNING_KEY_VARIABLE = "CLOUDSTORE_SIGNING_KEY"
FORMER_SIGNING_KEY_VARIABLE = "CLOUDSTORE_FORMER_SIGNING_KEY"

_SHORTEST_KEY = 16
_PURPOSE = b"cloudstore value 1"  # so that signatures of other kinds, or of later versions, are not accepted


class Signer:
    """Signs values, and knows the signatures of its keys.

    Args:
        signing_key: what new values are signed with; at least 16 characters.
        former_signing_key: a key whose signatures are still accepted.

    Raises:
        DagsterInvalidConfigError: a key is shorter.
    """

    def __init__(self, signing_key: str, former_signing_key: str | None = None) -> None:
        keys = [signing_key] if former_signing_key is None else [signing_key, former_signing_key]
        if any(len(key) < _SHORTEST_KEY for key in keys):
            raise DagsterInvalidConfigError(
                f"A signing key has fewer than {_SHORTEST_KEY} characters (signing_key or {SIGNING_KEY_VARIABLE}, "
                f"former_signing_key or {FORMER_SIGNING_KEY_VARIABLE}). Make one: openssl rand -hex 32"
            )
        self._keys = [key.encode("utf-8", "surrogateescape") for key in keys]

    def sign(self, key: str, codec: str, sha256: str) -> str:
        """HMAC-SHA256 over the object's key, the codec's name and the content's SHA-256, in hexadecimal digits."""
        return _hmac(self._keys[0], key, codec, sha256)

    def accepts(self, signature: str, key: str, codec: str, sha256: str) -> bool:
        """Whether one of the keys signed this."""
        given = signature.encode()
        return any(hmac.compare_digest(given, _hmac(each, key, codec, sha256).encode()) for each in self._keys)


def signer_of(signing_key: str | None = None, former_signing_key: str | None = None) -> Signer | None:
    """The signer with these keys, by default those of the environment; None where there is no signing key.

    Raises:
        DagsterInvalidConfigError: a key is too short, also one of the environment that is empty.
    """
    current = os.environ.get(SIGNING_KEY_VARIABLE) if signing_key is None else signing_key
    former = os.environ.get(FORMER_SIGNING_KEY_VARIABLE) if former_signing_key is None else former_signing_key
    if current is None and former is not None:
        raise DagsterInvalidConfigError(
            f"There is a former signing key but no signing_key. Set signing_key or {SIGNING_KEY_VARIABLE}, or "
            "remove the former key."
        )
    return None if current is None else Signer(current, former)


def _hmac(secret: bytes, *texts: str) -> str:
    parts = [_PURPOSE, *(text.encode("utf-8", "surrogatepass") for text in texts)]
    # Each with its length, so that no two lists of texts give the same message.
    return hmac.new(secret, b"".join(b"%d:%s" % (len(part), part) for part in parts), hashlib.sha256).hexdigest()
