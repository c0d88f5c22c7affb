"""How a server is reached that wants to know who we are: certificates, passwords, tokens."""

import base64
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from claims_pipeline.errors import ConfigError, FhirError
from claims_pipeline.load import load_lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.proxy import Fault, Request, faulty

pytestmark = pytest.mark.server


def reached(target: Settings, base_url: str, **values: object) -> Settings:
    return Settings.model_validate({**target.model_dump(), "fhir_base_url": base_url, **values})


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_only_a_trusted_certificate_is_accepted(target: Settings, tmp_path: Path) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    lake = tiny_lake(target.lake_path, Shape("tls", days=1))

    with faulty(target.fhir_base_url, lambda _: None, tls=tls) as proxy:
        with pytest.raises(FhirError, match="certificate is not trusted"):
            load_lake(lake, reached(target, proxy.base_url))
        report = load_lake(lake, reached(target, proxy.base_url, fhir_ca_file=certificate))

    assert report.exit_code == 0


def test_a_file_without_certificates_is_refused(target: Settings, tmp_path: Path) -> None:
    lake = tiny_lake(target.lake_path, Shape("nocert", days=1))
    (tmp_path / "empty.pem").write_text("")

    with pytest.raises(ConfigError, match="CLAIMS_FHIR_CA_FILE holds no certificates"):
        load_lake(lake, reached(target, "https://127.0.0.1:1/fhir", fhir_ca_file=tmp_path / "empty.pem"))


def test_user_and_password_are_sent_with_every_request(target: Settings) -> None:
    expected = "Basic " + base64.b64encode(b"ada:s3cret").decode()

    def guarded(request: Request) -> Fault | None:
        return None if request.headers.get("authorization") == expected else Fault(status=401)

    lake = tiny_lake(target.lake_path, Shape("basic", days=1))
    with faulty(target.fhir_base_url, guarded) as proxy:
        report = load_lake(lake, reached(target, proxy.base_url, fhir_user="ada", fhir_password="s3cret"))
        with pytest.raises(FhirError, match="denies access: HTTP 401"):
            load_lake(lake, reached(target, proxy.base_url))

    assert report.exit_code == 0


def test_two_kinds_of_authentication_at_once_are_refused(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("both", days=1))

    with pytest.raises(ConfigError, match="both CLAIMS_FHIR_USER and CLAIMS_FHIR_TOKEN are set"):
        load_lake(lake, reached(target, target.fhir_base_url, fhir_user="ada", fhir_token="s3cret"))


def test_no_secret_and_no_body_reaches_the_report(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("secret", days=1))

    report = load_lake(lake, reached(target, target.fhir_base_url, fhir_token="s3cret"))

    told = report.render() + str(report.to_json())
    assert "s3cret" not in told
    assert "Miller" not in told
