from claims_pipeline.errors import ConfigError, PortTaken, ServerUnavailable


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = ConfigError("--workers must be at least 1", where="--workers 0", fix="leave it out for 4")

    assert error.render().splitlines() == [
        "error: --workers must be at least 1",
        "where: --workers 0",
        "try:   leave it out for 4",
    ]


def test_a_taken_port_names_the_setting_that_moves_it() -> None:
    assert "CLAIMS_FHIR_PORT=<another port>" in PortTaken("HAPI FHIR", 8080, "CLAIMS_FHIR_PORT").render()


def test_exit_codes_tell_usage_from_an_unreachable_server() -> None:
    assert ConfigError("").exit_code == 2
    assert ServerUnavailable("").exit_code == 3
