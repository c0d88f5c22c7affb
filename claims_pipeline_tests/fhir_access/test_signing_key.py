"""Private keys as people have them: PEM, JWK, JWKS."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from claims_pipeline.errors import ConfigError
from claims_pipeline.fhir_access.signing_key import read_signing_key
from claims_pipeline_tests.fhir_access.conftest import write_pem

PKCS8 = (Encoding.PEM, PrivateFormat.PKCS8)


def private_jwk(key: ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, Any]:
    return dict(json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key)), kid=key_id)


def public_jwk(key: ec.EllipticCurvePrivateKey, key_id: str) -> dict[str, Any]:
    return dict(json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), kid=key_id)


def written(folder: Path, content: Any) -> Path:
    file = folder / "keys.json"
    file.write_text(json.dumps(content))
    return file


def test_an_rsa_key_signs_with_rs384_under_the_name_that_is_set(rsa_key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    key = read_signing_key(write_pem(rsa_key, tmp_path), "key-1")

    assertion = key.assertion("loader", "https://as.example/token")

    assert jwt.get_unverified_header(assertion) == {"alg": "RS384", "kid": "key-1", "typ": "JWT"}
    claims = jwt.decode(assertion, rsa_key.public_key(), algorithms=["RS384"], audience="https://as.example/token")
    assert (claims["iss"], claims["sub"]) == ("loader", "loader")
    assert 0 < claims["exp"] - claims["iat"] <= 300


def test_each_assertion_can_be_told_from_the_others(rsa_key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    key = read_signing_key(write_pem(rsa_key, tmp_path), "")
    claims = [
        jwt.decode(key.assertion("loader", "https://as.example/token"), options={"verify_signature": False})
        for _ in range(2)
    ]

    assert claims[0]["jti"] != claims[1]["jti"]


def test_a_jwk_brings_its_own_name(ec_key: ec.EllipticCurvePrivateKey, tmp_path: Path) -> None:
    key = read_signing_key(written(tmp_path, private_jwk(ec_key, "mine")), "")

    assert (key.key_id, key.algorithm) == ("mine", "ES384")


def test_the_private_key_of_a_set_is_taken_and_one_of_several_by_its_name(
    ec_key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    one = written(tmp_path, {"keys": [public_jwk(ec_key, "public"), private_jwk(ec_key, "mine")]})
    assert read_signing_key(one, "").key_id == "mine"

    two = written(tmp_path, {"keys": [private_jwk(ec_key, "old"), private_jwk(ec_key, "new")]})
    assert read_signing_key(two, "new").key_id == "new"
    with pytest.raises(ConfigError, match="it has 2 private keys; CLAIMS_FHIR_KEY_ID chooses one"):
        read_signing_key(two, "")
    with pytest.raises(ConfigError, match="it has 0 private keys named lost"):
        read_signing_key(two, "lost")


def test_a_file_that_holds_no_key_to_sign_with_is_named(
    rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    refused = {
        b"no key": "it is no PEM file of a private key",
        b"{": "CLAIMS_FHIR_PRIVATE_KEY_FILE holds no private key",
        b'{"kty": "EC", "d": "x", "crv": "P-384"}': "it is not a valid JWK",
        rsa_key.private_bytes(*PKCS8, BestAvailableEncryption(b"pass")): "it is encrypted with a password",
        ed25519.Ed25519PrivateKey.generate().private_bytes(*PKCS8, NoEncryption()): "it is neither RSA nor EC",
        json.dumps(public_jwk(ec_key, "mine")).encode(): "it has 0 private keys",
    }
    for content, reason in refused.items():
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=reason) as error:
            read_signing_key(file, "")
        assert error.value.where == str(file)

    with pytest.raises(ConfigError, match="CLAIMS_FHIR_PRIVATE_KEY_FILE cannot be read: No such file"):
        read_signing_key(tmp_path / "nothing.pem", "")
