"""A daily feed of synthetic US health-insurance claims: generated, loaded into FHIR, aggregated, charted."""

__version__ = "0.1.0"
