# The dashboard, Dagster's webserver and its daemon: one image, several commands (docker-compose.yml). It holds what they
# need at run time: no compiler, no test tools, and not the embedded FHIR server.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /source
RUN python -m venv /opt/claims
COPY requirements-build.lock requirements-runtime.lock ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements-build.lock \
    && /opt/claims/bin/pip install --no-cache-dir --require-hashes --requirement requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY claims_pipeline ./claims_pipeline
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /opt/claims/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.11.14-slim-bookworm
# A new named volume begins as a copy of /data, with its owner.
RUN useradd --uid 10001 --create-home claims \
    && install --directory --owner=claims --group=claims --mode=0700 /data /data/dagster
COPY --from=build /opt/claims /opt/claims
COPY dagster.yaml /opt/claims/dagster.yaml
ENV PATH=/opt/claims/bin:$PATH \
    CLAIMS_HOME=/data \
    CLAIMS_CACHE=/data/cache \
    DAGSTER_HOME=/data/dagster
USER claims
WORKDIR /data
VOLUME /data
CMD ["claims", "--help"]
