"""Reading Maven's answer, as `dependency:list` writes it."""

from claims_pipeline.server.lock_jars import paths_in

ANSWER = """
The following files have been resolved:
   ca.uhn.hapi.fhir:hapi-fhir-base:jar:8.8.0:compile\x1b[36m -- module hapi.fhir.base\x1b[0m [auto]
   org.xmlresolver:xmlresolver:jar:data:5.2.1:compile -- module org.xmlresolver.xmlresolver_data [auto]
   org.postgresql:postgresql:jar:42.7.7:runtime -- module org.postgresql.jdbc
   org.example:only-in-tests:jar:1.0:test
"""


def test_archives_for_run_time_are_read_with_their_classifier() -> None:
    assert paths_in(ANSWER) == [
        "ca/uhn/hapi/fhir/hapi-fhir-base/8.8.0/hapi-fhir-base-8.8.0.jar",
        "org/postgresql/postgresql/42.7.7/postgresql-42.7.7.jar",
        "org/xmlresolver/xmlresolver/5.2.1/xmlresolver-5.2.1-data.jar",
    ]
