# The dashboard, Dagster's webserver and its daemon: one image, three commands (docker-compose.yml).
FROM python:3.11-slim

RUN useradd --uid 10001 --create-home claims
WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock

COPY pyproject.toml README.md LICENSE dagster.yaml ./
COPY claims_pipeline ./claims_pipeline
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

# A new named volume begins as a copy of this folder, with its owner.
RUN mkdir -p /data/dagster && chown -R claims /data
COPY --chown=claims dagster.yaml /data/dagster/

ENV CLAIMS_HOME=/data \
    CLAIMS_CACHE=/data/cache \
    DAGSTER_HOME=/data/dagster
USER claims
VOLUME /data
CMD ["claims", "--help"]
