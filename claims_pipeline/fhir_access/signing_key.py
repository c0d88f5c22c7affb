"""The private key that signs who we are to an authorisation server."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from claims_pipeline.errors import ConfigError

VALID_SECONDS = 240
"""SMART Backend Services: at most five minutes; the rest is for clocks that differ."""

ALGORITHM_OF_RSA = "RS384"
ALGORITHM_OF_CURVE = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


@dataclass(frozen=True)
class SigningKey:
    """A private key with the name (`kid`) that its public key is registered under, empty if it has none."""

    file: Path
    key_id: str
    algorithm: str
    private_key: Any = field(repr=False)

    def assertion(self, client_id: str, token_url: str) -> str:
        """Return a signed JWT that says, once and for a few minutes, that we are `client_id`."""
        now = int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": token_url,
            "iat": now,
            "exp": now + VALID_SECONDS,
            "jti": str(uuid4()),
        }
        headers = {"kid": self.key_id} if self.key_id else None
        return jwt.encode(claims, self.private_key, algorithm=self.algorithm, headers=headers)


def read_signing_key(file: Path, key_id: str) -> SigningKey:
    """Read a private key: a PEM file, a JWK, or a JWKS.

    Args:
        file: where it is.
        key_id: the key's name at the authorisation server; chooses among those of a JWKS. Empty: the file's.

    Raises:
        ConfigError: the file cannot be read, or holds no such key that can sign.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"CLAIMS_FHIR_PRIVATE_KEY_FILE cannot be read: {error.strerror}", where=str(file), fix="name a file"
        ) from error
    try:
        key, named = _of_json(content, key_id) if content.lstrip()[:1] == b"{" else (_of_pem(content), "")
        return SigningKey(file, key_id or named, _algorithm(key), key)
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise ConfigError(
            f"CLAIMS_FHIR_PRIVATE_KEY_FILE holds no private key to sign with: {error}",
            where=str(file),
            fix="give an RSA or EC private key, as PEM without a password, JWK or JWKS",
        ) from error


def _of_pem(content: bytes) -> Any:
    try:
        return load_pem_private_key(content, password=None)
    except TypeError as error:
        raise ValueError("it is encrypted with a password") from error
    except ValueError as error:  # its words are OpenSSL's
        raise ValueError("it is no PEM file of a private key") from error


def _of_json(content: bytes, key_id: str) -> tuple[Any, str]:
    """Return the key and its name."""
    document = json.loads(content)
    keys = [key for key in document.get("keys", [document]) if "d" in key and key_id in {"", key.get("kid")}]
    if len(keys) != 1:
        wanted = f" named {key_id}" if key_id else ""
        raise ValueError(f"it has {len(keys)} private keys{wanted}; CLAIMS_FHIR_KEY_ID chooses one")
    try:
        return jwt.PyJWK(keys[0], algorithm=_declared_algorithm(keys[0])).key, keys[0].get("kid", "")
    except jwt.PyJWTError as error:
        raise ValueError("it is not a valid JWK") from error


def _declared_algorithm(key: dict[str, Any]) -> str:
    curves = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
    return ALGORITHM_OF_RSA if key.get("kty") == "RSA" else curves.get(key.get("crv", ""), "")


def _algorithm(key: Any) -> str:
    if isinstance(key, RSAPrivateKey):
        return ALGORITHM_OF_RSA
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in ALGORITHM_OF_CURVE:
        return ALGORITHM_OF_CURVE[key.curve.name]
    raise ValueError("it is neither RSA nor EC on P-256, P-384 or P-521")
