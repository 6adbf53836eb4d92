# syntax=docker/dockerfile:1
# One file for the three services:
#   docker build --build-arg SERVICE=tts -t kubespeech-tts .
#   docker build --build-arg SERVICE=asr --build-arg LOCK=asr-openai-whisper -t kubespeech-asr:openai-whisper .
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ARG SERVICE
ARG LOCK=${SERVICE}
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1
RUN python -m venv --without-pip /opt/venv
WORKDIR /src
# The dependencies first: they change seldom, and a change of the code reuses their layer.
COPY requirements/${LOCK}.lock requirements.lock
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip --python /opt/venv/bin/python install --require-hashes --requirement requirements.lock
COPY packages/speech-core packages/speech-core
COPY services/${SERVICE} services/${SERVICE}
RUN python -m pip --python /opt/venv/bin/python install --no-deps --no-build-isolation \
    ./packages/speech-core ./services/${SERVICE}

FROM ${PYTHON_IMAGE}
ARG SERVICE
LABEL org.opencontainers.image.title="kubespeech ${SERVICE}" \
      org.opencontainers.image.description="Text-to-speech and speech-to-text for Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/venv /opt/venv
# Any user will do, one of a cluster's choosing too: what is written lies in /models and /tmp.
RUN install --directory --owner=65532 --group=0 --mode=0775 /models
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 MODELS_DIR=/models SPEECH_SERVICE=${SERVICE}
USER 65532:0
WORKDIR /tmp
# The shell gives its place to the service, which gets the signals.
ENTRYPOINT ["/bin/sh", "-c", "exec python -m speech_${SPEECH_SERVICE} \"$@\"", "--"]
