# The short way in. CMake presets do the work; see CONTRIBUTING.md for single steps.
# All scratch files stay in build/ and third_party/ (both ignored by git).
SHELL := /bin/bash
JOBS  ?= $(shell nproc)
CLANG_FORMAT ?= $(shell command -v clang-format-19 || echo clang-format)
CTEST  = ctest --output-on-failure -j$(JOBS)

.PHONY: build demo demo-bars test check check-full bench bench-inference bench-serve \
  bench-forecast accuracy fuzz-http clients soak soak-clients format clean bootstrap

build: bootstrap
	@cmake --preset release
	cmake --build --preset release -j$(JOBS)

bootstrap:
	@tools/bootstrap

demo: build
	examples/retail/demo.sh

demo-bars: build
	examples/bars/demo.sh

test: build
	cd build/release && $(CTEST)

# Style and floors first: they answer in seconds. What takes longest for its size runs only in
# `make test` and check-full: whole projects over and over (determinism, readers of other
# engines), kills and power cuts, the training of every kind of net, restated snapshots, every
# type that Parquet has, CatBoost files damaged everywhere, explanations beside the libraries'.
check: build
	tools/tidy
	tools/check_floors
	cd build/release && $(CTEST) -LE 'determinism|interop' \
	  -E 'predictions_crash|backtest_resume|network_fit|vintage|source_parquet|catboost_import|'\
	'strict_conf'

# Hours on a small machine: each part says how long it took, and the next one follows a failure.
check-full: bootstrap
	@failed=; \
	part() { \
	  local name=$$1 start=$$SECONDS; shift; \
	  "$$@" && echo "check-full: $$name passed in $$((SECONDS - start)) s" || \
	    { failed="$$failed $$name"; echo "check-full: $$name FAILED"; }; \
	}; \
	under() { \
	  cmake --preset $$1 && cmake --build --preset $$1 -j$(JOBS) && \
	    (cd build/$$1 && $(CTEST)); \
	}; \
	part style tools/tidy; part floors tools/check_floors; \
	for preset in release asan-ubsan tsan hostile; do part $$preset under $$preset; done; \
	[ -z "$$failed" ] || { echo "check-full: failed:$$failed"; exit 1; }

bench: build
	bench/run

# Scoring and explaining beside LightGBM, XGBoost and what compiles their forests, nets beside ONNX
# Runtime, loading; under ten minutes once the peers are compiled. DATA=<folder>: real sales.
bench-inference: build
	DATA="$(DATA)" bench/run inference sequence load

# The service beside the bare HTTP library and FastAPI, on two quiet processors; three minutes.
bench-serve: build
	bench/run serve

# Statistical forecasters beside statsforecast, on one core; DATA=<folder of the reference data
# sets>; some ten minutes.
bench-forecast: build
	DATA="$(DATA)" bench/run forecast

# DATA=<folder of the reference data sets>; says SKIPPED where it is not there.
accuracy: build
	tools/accuracy $(DATA)

# Requests made from the service's own document, sent to it for SECONDS_OF_FUZZ: no error of the
# server, no answer that the document does not tell. Not part of the checks: it is never done.
SECONDS_OF_FUZZ ?= 300
fuzz-http: build
	@tools/bootstrap --fuzz-tools
	python3 tests/http/_fuzz.py $(SECONDS_OF_FUZZ)

# The examples of examples/clients, run against a service of their own (docs/clients.md).
clients: build
	@tools/bootstrap --client-tools
	cd build/release && $(CTEST) -L clients

# Mixed load while everything changes, plain and with the sanitizers; SOAK_SECONDS each.
SOAK_SECONDS ?= 600
soak: build
	python3 tests/soak/_soak.py $(SOAK_SECONDS)
	cmake --preset asan-ubsan && cmake --build --preset asan-ubsan -j$(JOBS) --target almanac
	ALMANAC=build/asan-ubsan/bin/almanac python3 tests/soak/_soak.py $(SOAK_SECONDS)

# 100 clients, 500 requests a minute of each, all the way through; ten minutes.
soak-clients: build
	bench/run clients

# The lines that are not committed yet; SINCE=<commit>: those that changed since then.
SINCE ?= HEAD
format:
	@command -v $(CLANG_FORMAT) >/dev/null || { echo "apt-get install clang-format-19"; exit 1; }
	git-$(notdir $(CLANG_FORMAT)) --force --binary $(CLANG_FORMAT) --extensions c,h $(SINCE); \
	  [ $$? -le 1 ] # 1: something was formatted

clean:
	rm -rf build
