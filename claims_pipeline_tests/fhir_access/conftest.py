"""An authorisation server, and keys that are registered there."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

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


def certified(key: rsa.RSAPrivateKey, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the TLS context of a server of this machine, and the file of its certificate, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, write_pem(key, folder))
    return context, file


def write_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, folder: Path) -> Path:
    """Write a private key as PEM and return the file."""
    file = folder / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file
