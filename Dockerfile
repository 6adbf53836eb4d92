# syntax=docker/dockerfile:1
# One file for the three services: SERVICE names one, EXTRAS a variant that has a lock of its own.
#   docker build --build-arg SERVICE=tts --tag speech-tts:dev .
#   docker build --build-arg SERVICE=asr --build-arg EXTRAS=openai-whisper --tag speech-asr:dev-openai-whisper .
ARG PYTHON_IMAGE=python:3.13-slim-trixie

# The lock of the variant, or else of the service. What follows knows neither of them but by this file.
FROM ${PYTHON_IMAGE} AS lock
ARG SERVICE
ARG EXTRAS
WORKDIR /lock
COPY requirements/${SERVICE}.lock requirements/${SERVICE}-${EXTRAS}.loc[k] ./
RUN mv "${SERVICE}-${EXTRAS}.lock" requirements.lock 2> /dev/null || mv "${SERVICE}.lock" requirements.lock

# The dependencies change seldom: a change of the code leaves this stage, and its layer in the image, as they are.
FROM ${PYTHON_IMAGE} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CACHE_DIR=/var/cache/pip
# Of what follows nothing but /opt/venv gets into the image, so no version of these tools is worth a pin.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
WORKDIR /src
COPY --from=lock /lock/requirements.lock requirements.lock
RUN --mount=type=cache,target=/var/cache/pip,sharing=locked \
    /opt/venv/bin/python -m pip install --no-compile --require-hashes --requirement requirements.lock
# Symbols for debuggers are 100 MB of asr. Bytecode is written here, since the image's root is read-only later.
RUN find /opt/venv \( -name '*.cpython-*.so' -o -name '*.abi3.so' \) -exec strip --strip-unneeded {} + \
    && find /opt/venv -depth -type d \( -name tests -o -name __pycache__ \) -exec rm -r {} + \
    && python -W ignore -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM ${PYTHON_IMAGE} AS code
ARG SERVICE
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_COMPILE=1
WORKDIR /src
COPY requirements/build.lock build.lock
RUN python -m pip install --no-cache-dir --require-hashes --requirement build.lock
COPY packages/speech-core packages/speech-core
COPY services/${SERVICE} services/${SERVICE}
# Bytecode that is checked against its source: a developer's file that is copied over it takes effect. `speech_service`:
# the service by a name that is the same in every image.
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation --no-index --target /opt/speech \
        ./packages/speech-core ./services/${SERVICE} \
    && ln -s "speech_${SERVICE}" /opt/speech/speech_service \
    && python -m compileall -q --invalidation-mode checked-hash /opt/speech

FROM ${PYTHON_IMAGE} AS service
ARG SERVICE
LABEL org.opencontainers.image.title="kubespeech ${SERVICE}" \
      org.opencontainers.image.description="Text-to-speech and speech-to-text for Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
# Weights are a volume's, and whoever runs the container may write there. CUDA's libraries, where a variant has them, lie
# where the linker looks.
RUN install --directory --mode=0777 /models
COPY --from=dependencies /opt/venv /opt/venv
RUN find /opt/venv -type d -path '*/nvidia/*' -name lib > /etc/ld.so.conf.d/nvidia.conf && ldconfig
COPY --from=code /opt/speech /opt/speech
# What stands in the working directory, or in /tmp, is not imported. HOME: whoever has no entry in passwd may write there.
# Some clusters (GKE) mount the GPU's driver where no linker looks.
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/speech PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 HOME=/tmp HOST=0.0.0.0 MODELS_DIR=/models \
    LD_LIBRARY_PATH=/usr/local/nvidia/lib64:/usr/local/nvidia/lib
WORKDIR /
USER 65532:65532
CMD ["python", "-m", "speech_service"]

# For `skaffold dev`: files are copied into the running container, and the service starts anew.
FROM service AS development
USER 0:0
RUN chmod --recursive a+rwX /opt/speech
USER 65532:65532
CMD ["watchfiles", "--filter", "python", "python -m speech_service", "/opt/speech"]

FROM service
