# One recipe for every image: docker build --build-arg SERVICE=price_worker --tag farelark/price_worker:0.1.0 .
# SERVICE is ingest_gateway, price_worker, alert_worker, history_worker, notifier, alerts_api, or fleet: the command line,
# as which operations and migrations run.
#
# The Python of the tests. A tag and no digest: whoever builds gets the base's security fixes. What is ours is pinned by
# hash in requirements/.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ARG SERVICE
RUN : "${SERVICE:?name the service: --build-arg SERVICE=price_worker}"
WORKDIR /build
COPY requirements/${SERVICE}.txt requirements.txt
# Wheels only: nothing is compiled here, and no package runs code of its own while it is installed.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --only-binary :all: --require-hashes -r requirements.txt
COPY deploy/gather /usr/local/bin/
COPY . /source
RUN gather "${SERVICE}" /source /app

FROM python:${PYTHON}
ARG SERVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="farelark/${SERVICE}" \
    org.opencontainers.image.description="Flight-price alerts, from fares in to pushes out" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="Apache-2.0"
# Nothing that installs stays, nor the copy of pip that the standard library brings.
RUN rm -r "$(python -c 'import ensurepip; print(ensurepip.__path__[0])')" \
    && pip uninstall --yes setuptools wheel pip \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin farelark
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
# The root is read-only where it runs; /tmp is all that is written to. Nothing is imported from the current folder.
ENV PATH=/app/bin:/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OPS_PORT=9100
WORKDIR /app
USER 10001:10001
EXPOSE 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "shared.probe", "http://127.0.0.1:9100/health/live"]
ENTRYPOINT ["farelark"]
