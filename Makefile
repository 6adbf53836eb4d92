# Two commands matter: `make up` starts everything, `make test` tests everything that needs no container.

# The first that is really there and new enough.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
PACKAGES := packages/speech-core services/gateway services/tts services/asr client
EDITABLE := $(foreach package,$(PACKAGES),--editable $(package))
UP_LOCKS := requirements/gateway.lock requirements/tts.lock requirements/asr.lock requirements/client.lock
# An engine with a lock of its own is installed when it is asked for, here or in `.env`, and not before.
ASR_ENGINE ?= $(shell sed -nE "s/^ASR_ENGINE=[\"']?([a-z-]*).*/\1/p" .env 2>/dev/null)
ENGINE_INSTALLED := $(patsubst requirements/asr-%.lock,.venv/.asr-%,$(wildcard requirements/asr-$(ASR_ENGINE).lock))
# pip tells a failure in many lines; the last one says it, the others are kept.
install = $(BIN)/python -m pip --disable-pip-version-check --quiet install $(1) 2> .venv/pip.log \
  || { echo "error: packages cannot be installed: $$(tail -n 1 .venv/pip.log) (all of it: .venv/pip.log)" >&2; exit 1; }

.PHONY: help up test fuzz lint types contracts images chart e2e lock bench clean
.DEFAULT_GOAL := help

help: ## what there is
	@grep -hE '^[a-z0-9%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: .venv/.up $(ENGINE_INSTALLED) ## fetch the models, start the three services; Ctrl-C stops all
	@exec $(BIN)/kubespeech up

test: .venv/.dev ## all tests that need no container or cluster, real engines included; TESTS=folder for some of them
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(TESTS)

fuzz: .venv/.dev ## mutated audio files against the decoder, for SECONDS=60 (Linux on x86_64)
	$(BIN)/python fuzz/decode_file.py --seconds $(or $(SECONDS),60)

lint: .venv/.dev ## style and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/vermin --quiet --violations --no-tips --eval-annotations --target=3.8- client/stream_tts.py client/echo_bytes.py

types: .venv/.dev ## pyright, strict
	$(BIN)/pyright

contracts: .venv/.dev ## write the wire down in contracts/
	$(BIN)/python tests/contract/generate.py

images: ## speech-gateway:dev, speech-tts:dev and speech-asr:dev in the local Docker
	for name in gateway tts asr; do DOCKER_BUILDKIT=1 docker build --build-arg SERVICE=$$name --tag speech-$$name:dev . || exit 1; done

image-asr-%: ## speech-asr:dev-openai-whisper, several GB, and speech-asr:dev-cuda
	DOCKER_BUILDKIT=1 docker build --build-arg SERVICE=asr --build-arg EXTRAS=$* --tag speech-asr:dev-$* .

chart: .venv/.dev ## write the chart's schema and README from the code and values.yaml
	$(BIN)/python tests/chart/generate.py

e2e: .venv/.dev ## tests on the cluster of the current context, which they change: after asking, and test clusters only
	@tests/e2e/run

bench: .venv/.dev ## measurements against running services: CORPUS=folder
	$(BIN)/python bench/word_error_rate.py --corpus $(CORPUS)
	$(BIN)/python bench/echo_words.py --corpus $(CORPUS)

clean: ## forget the environment
	rm -rf .venv

.venv/bin/python:
	@test -n "$(PYTHON)" \
	  || { echo "error: Python 3.11 or newer is needed; on Debian and Ubuntu: apt-get install python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "error: Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv

.venv/.up: .venv/bin/python $(UP_LOCKS) $(PACKAGES:=/pyproject.toml)
	@echo "installing the services into .venv"
	@$(call install,--require-hashes $(UP_LOCKS:%=--requirement %))
	@$(call install,--no-deps --no-build-isolation $(EDITABLE))
	@touch $@

.venv/.asr-%: .venv/.up requirements/asr-%.lock
	@echo "installing the engine $* into .venv"
	@$(call install,--require-hashes --requirement requirements/asr-$*.lock)
	@touch $@

.venv/.dev: .venv/.up requirements/dev.lock
	@$(call install,--require-hashes --requirement requirements/dev.lock)
	@touch $@

# Pinned with hashes, and without addresses: the user's own index applies.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-annotate --custom-compile-command 'make lock' --no-emit-package speech-core \
  --no-emit-package speech-gateway --no-emit-package speech-tts --no-emit-package speech-asr --no-emit-package kubespeech

lock: ## pin the dependencies again (needs uv)
	$(COMPILE) --group dev --output-file requirements/dev.lock requirements/all.in
	for name in build gateway tts asr asr-cuda asr-openai-whisper client; do \
	  $(COMPILE) --constraint requirements/dev.lock --output-file requirements/$$name.lock requirements/$$name.in || exit 1; \
	done
