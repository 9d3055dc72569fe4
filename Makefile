# The one front door. Everything runs in .venv, which `make setup` makes.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
UP ?= --simulate 4
TESTS ?=
# Most tests wait for servers: three at a time keep two cores busy.
AT_ONCE ?= 3
CODE := voxtrude services broker tests benchmarks
SERVICES := ingest broker opcua_bridge skill cli

.PHONY: help setup setup-tests demo test lint format lock lean bench-ingest bench-opcua bench-portal \
	chaos

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install everything into .venv (and Mosquitto, where root may); quick when done
	@sh deploy/native/setup.sh

setup-tests: setup ## what only tests need, too: Chromium (where root may)
	@sh deploy/native/chromium.sh

demo: setup ## start the native stack with four simulated printers; Ctrl-C ends it
	@$(BIN)/voxtrude up $(UP)

test: setup-tests lint ## everything that CI runs: linters, types, import rules, all tests
	$(BIN)/pytest -n $(AT_ONCE) --dist loadfile $(TESTS)

lint: setup ## linters, types, import rules
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## format the code and fix what can be fixed
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

lock: setup ## compile requirements/*.txt from pyproject.toml
	@for service in $(SERVICES); do sh deploy/native/lock.sh $$service.txt --extra $$service; done
	@sh deploy/native/lock.sh dev.txt --extra ingest --extra broker --extra opcua_bridge --extra skill --extra cli --extra native \
		--group dev

lean: setup ## import each service with nothing but its own requirements
	@sh deploy/native/lean.sh $(SERVICES)

bench-ingest: setup ## messages a second durable in MongoDB, beside baselines
	$(BIN)/python -m benchmarks.ingest

bench-opcua: setup ## processor time, latency and memory of the OPC UA server, beside two others
	$(BIN)/python -m benchmarks.opcua

bench-portal: setup-tests ## processor time, latency and memory of the live page, beside plainer ways
	$(BIN)/python -m benchmarks.portal

chaos: setup ## kill ingest, mongod and the broker under load, and count what is lost
	$(BIN)/python -m benchmarks.chaos
