"""An authorisation server, and keys that are registered there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from claims_pipeline_tests.fhir_access.authorisation_server import AuthorisationServer, serving


@pytest.fixture
def authority() -> Iterator[AuthorisationServer]:
    """An authorisation server that runs; nothing is registered with it but the name of a client."""
    with serving(AuthorisationServer()) as server:
        yield server


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """A private RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def ec_key() -> ec.EllipticCurvePrivateKey:
    """A private key on P-384."""
    return ec.generate_private_key(ec.SECP384R1())


def write_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, folder: Path) -> Path:
    """Write a private key as PEM and return the file."""
    file = folder / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file
