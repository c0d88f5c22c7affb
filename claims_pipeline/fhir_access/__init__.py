"""How any FHIR server of the settings is reached: who we are, which certificates count, through a proxy or not.

Belongs here: arguments of HTTP clients, authentication. Does not: what is asked of a server (load, server, stack).
"""

from claims_pipeline.fhir_access.oauth import TokenUnavailable
from claims_pipeline.fhir_access.options import FHIR_JSON, ClientOptions, anonymous, client_options

__all__ = ["FHIR_JSON", "ClientOptions", "TokenUnavailable", "anonymous", "client_options"]
