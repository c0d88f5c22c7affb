"""Access to the FHIR server in the settings: authentication, trusted certificates, proxies.

Belongs here: arguments of HTTP clients, authentication. Does not: requests to a server (load, server, stack).
"""

from claims_pipeline.fhir_access.options import FHIR_JSON, ClientOptions, anonymous, client_options, without_tls
from claims_pipeline.fhir_access.token_request import TokenUnavailable

__all__ = ["FHIR_JSON", "ClientOptions", "TokenUnavailable", "anonymous", "client_options", "without_tls"]
