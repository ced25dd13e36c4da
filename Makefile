# `make help` lists the targets.
PYTHON ?= python3
SLIDE ?=
OUT ?= out

VENV := .venv
ORACLE := .venv-oracle
CUCIM := .venv-cucim
SANITIZE := .venv-sanitize
WITHOUT_JPEG := .venv-without-jpeg
COVERAGE := .venv-coverage
VIPS := .venv-vips
FLASK := .venv-flask
PAGES := src/openslide/server/pages
OPENSEADRAGON := $(PAGES)/vendor/openseadragon.min.js
# Debian: gcc-mingw-w64-x86-64
MINGW := x86_64-w64-mingw32-gcc
WHEELS := .venv-wheels
DOCS := .venv-docs
DURATION ?= 600
# Processes that pass tests; 0: this one.
JOBS ?= auto
# Each process that tests begin would compile again what it imports of them.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := -m pytest -n $(JOBS) --dist worksteal
FUZZERS := tiff dicom jpeg interchange codec leica mirax ndpi ngr ventana
FUZZ_SHARE = $$(( $(DURATION) / $(words campaign $(FUZZERS)) ))
BENCH ?=
# The release that this package is compared with, byte for byte.
ORACLE_VERSION := 1.4.7
BIN := $(VENV)/bin

EXT_FILES := $(shell find ext -name '*.[ch]')
C_FILES := $(EXT_FILES) $(wildcard tests/c/*.[ch] tests/fuzz/*.[ch] benchmarks/*.c)
PACKAGE_FILES := $(shell find src/openslide -name '*.py*' -not -path '*/__pycache__/*')
PAGE_FILES := $(filter-out $(PAGES)/vendor,$(wildcard $(PAGES)/* $(PAGES)/vendor/*))
SOURCES := pyproject.toml setup.py ext/sources.txt $(EXT_FILES) $(PACKAGE_FILES) $(PAGE_FILES)
PYTHON_FILES := setup.py src tests wheels $(wildcard benchmarks/*.py)

.DELETE_ON_ERROR:
.PHONY: help run test test-c test-docs test-instruction-sets test-without-jpeg test-neon test-sanitize \
    test-old-library coverage coverage-python coverage-c coverage-report viewer browser picture \
    pictures fuzz fuzz-c \
    bench bench-tiles bench-tileset bench-trees bench-native bench-resampled bench-server bench-array bench-cluster bench-peers docs wheel lint lint-windows format clean

help: ## Say what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
	    awk -F ':.*## ' '{ printf "  make %-22s %s\n", $$1, $$2 }'

# The tools and the package have a stamp each, so that a change of the package
# does not install the tools anew.
%/tools: pyproject.toml
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet --upgrade 'pip >= 25.1'
	$*/bin/python -m pip install --quiet --group dev
	touch $@

# pip always builds and installs a folder anew, and its dependencies where they lack.
$(VENV)/package: $(VENV)/tools $(SOURCES)
	$(BIN)/python -m pip install --quiet .
	touch $@

# openslide-python lives in an environment of its own, never beside this package.
# Without a package index there is none, and its tests are skipped with a reason.
$(ORACLE)/ready:
	$(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install --quiet openslide-python==$(ORACLE_VERSION) \
	    openslide-bin numpy && touch $@ || test -z "$$CI"

# cucim is only measured.  Its dependencies but these are for GPUs, and have gigabytes.
$(CUCIM)/ready:
	$(PYTHON) -m venv $(CUCIM)
	$(CUCIM)/bin/python -m pip install --quiet --no-deps \
	    cucim-cu12 click lazy-loader numpy packaging pillow \
	    && $(CUCIM)/bin/python -c 'from cucim import CuImage' && touch $@ \
	    || echo 'bench: cucim cannot be installed here, so it is left out'

# What vips needs, in an environment of its own.
$(VIPS)/ready:
	$(PYTHON) -m venv $(VIPS)
	$(VIPS)/bin/python -m pip install --quiet 'pyvips[binary]'
	touch $@

# OpenSeadragon, as the lock file has it, into the package; it is never committed.
$(OPENSEADRAGON): viewer/package.json viewer/package-lock.json
	npm ci --prefix viewer --silent
	mkdir -p $(@D)
	cp viewer/node_modules/openseadragon/LICENSE.txt $(@D)/openseadragon-LICENSE.txt
	cp viewer/node_modules/openseadragon/build/openseadragon/openseadragon.min.js $@
	touch $@

viewer: $(OPENSEADRAGON) ## Bring OpenSeadragon into the package, for openslide serve (Debian: npm)

# What drives Chromium, which comes from the system, and attacks the server.
$(VENV)/browser: $(VENV)/tools
	$(BIN)/python -m pip install --quiet --group browser
	touch $@

# Upstream's way to serve slides, which is only measured.
$(FLASK)/ready:
	$(PYTHON) -m venv $(FLASK)
	$(FLASK)/bin/python -m pip install --quiet openslide-python==$(ORACLE_VERSION) \
	    openslide-bin flask
	touch $@

run: $(VENV)/package ## Print what a slide is and cut it into tiles (SLIDE=path, OUT=folder)
	@set -e; slide='$(SLIDE)'; \
	if test -z "$$slide"; then \
	    $(BIN)/python -m tests.slides '$(OUT)/slides' --only aperio-jpeg; \
	    slide='$(OUT)/slides/aperio-jpeg.svs'; \
	fi; \
	$(BIN)/openslide info "$$slide"; \
	$(BIN)/openslide tiles "$$slide" -o '$(OUT)/tiles' --size 256 --resume

# What compiles, rather than to run what was built.
BUILD_TESTS := tests/test_c.py tests/test_build.py tests/test_wheels.py

test: $(VENV)/package $(ORACLE)/ready ## Pass the test suite of the package (JOBS=processes)
	OPENSLIDE_ORACLE_PYTHON=$(CURDIR)/$(ORACLE)/bin/python $(BIN)/python $(PYTEST) \
	    --ignore tests/test_docs.py $(addprefix --ignore ,$(BUILD_TESTS))

test-c: $(VENV)/package ## Build with and without libraries, and pass the C unit tests
	$(BIN)/python $(PYTEST) $(BUILD_TESTS)

test-docs: $(VENV)/package ## Run every block of code in the README and the documentation
	$(BIN)/python $(PYTEST) tests/test_docs.py

# A build folder apart, for setuptools would take up the objects of another build.
$(WITHOUT_JPEG)/package: $(WITHOUT_JPEG)/tools $(SOURCES)
	rm -rf build/without-jpeg && mkdir -p build
	printf '[build]\nbuild_base = build/without-jpeg\n' > build/without-jpeg.cfg
	DIST_EXTRA_CONFIG=$(CURDIR)/build/without-jpeg.cfg OPENSLIDE_WITHOUT_JPEG=1 \
	    $(WITHOUT_JPEG)/bin/python -m pip install --quiet .
	touch $@

test-without-jpeg: $(WITHOUT_JPEG)/package ## Pass the tests where libjpeg-turbo is not built in
	$(WITHOUT_JPEG)/bin/python $(PYTEST) $(addprefix --ignore ,$(BUILD_TESTS))

# What pixels depend on by way of kernels.
PIXEL_TESTS := $(addprefix tests/,test_convert.py test_regions.py test_arrays.py \
    test_division.py test_formats.py test_thumbnails.py test_read_at.py test_direct.py \
    test_direct_dicom.py test_direct_codecs.py test_direct_ndpi.py test_direct_mirax.py \
    test_direct_bif.py test_direct_leica.py test_direct_trestle.py test_oracle.py)

test-instruction-sets: $(VENV)/package $(ORACLE)/ready ## Pass the tests of pixels with each instruction set of this machine
	set -e; for name in $$($(BIN)/python -c \
	    'from openslide import _openslide; print(*_openslide.instruction_sets())'); do \
	    echo "OPENSLIDE_INSTRUCTION_SETS=$$name"; \
	    OPENSLIDE_ORACLE_PYTHON=$(CURDIR)/$(ORACLE)/bin/python \
	    OPENSLIDE_INSTRUCTION_SETS=$$name $(BIN)/python -m pytest -q $(PIXEL_TESTS); \
	done

test-neon: $(VENV)/package ## Pass the tests of kernels for AArch64 under qemu (Debian: gcc-aarch64-linux-gnu, qemu-user)
	$(BIN)/python -m pytest -q -rs tests/test_c.py::test_neon

browser: $(OPENSEADRAGON) $(VENV)/browser ## Show trees and served slides in headless Chromium (Debian: chromium, npm)
	$(MAKE) $(VENV)/package
	$(BIN)/python -m pytest tests/test_trees_browser.py tests/test_server_browser.py \
	    tests/test_server_attack.py -rs

picture: $(OPENSEADRAGON) $(VENV)/browser ## Make the picture of the viewer that the README shows (Debian: chromium, npm)
	$(MAKE) $(VENV)/package
	$(BIN)/python -m tests.browser.picture docs/viewer.jpeg

pictures: $(VENV)/package ## Make the other pictures of the documentation
	$(BIN)/python -m tests.pictures docs/pictures

# The extension module with the address and undefined-behaviour sanitizers in an
# environment of its own, and the plain C files with the thread sanitizer.
$(SANITIZE)/package: $(SANITIZE)/tools $(SOURCES) Makefile
	rm -rf build/sanitize && mkdir -p build
	printf '[build]\nbuild_base = build/sanitize\n' > build/sanitize.cfg
	DIST_EXTRA_CONFIG=$(CURDIR)/build/sanitize.cfg \
	    CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,float-cast-overflow' \
	    LDFLAGS='-fsanitize=address,undefined' \
	    $(SANITIZE)/bin/python -m pip install --quiet .
	ldd $(SANITIZE)/lib/python*/site-packages/openslide/_openslide*.so | grep -q libasan
	touch $@

# Python itself is not instrumented, hence the preloaded run-time library; what it
# allocates is watched all the same.  Left out are leaks and peaks of memory, which its
# allocator keeps for a while, crashes of libopenslide itself, forks beside threads, which
# that allocator does not survive, and what has nothing to do with the extension module, or
# runs whole programs that other tests run, as the pages of the documentation do.
# TESTS='tests/test_arrays.py ...' passes these alone.
test-sanitize: $(SANITIZE)/package $(VENV)/package ## Pass the tests under the address, UB and thread sanitizers (TESTS=files)
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so.6)" \
	    PYTHONMALLOC=malloc UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:handle_sigbus=0 \
	    $(SANITIZE)/bin/python $(PYTEST) $(TESTS) --ignore tests/test_c.py \
	    --ignore tests/test_leaks.py --ignore tests/test_oracle.py \
	    --ignore tests/test_docs.py --ignore tests/test_wheels.py \
	    --deselect tests/test_damage.py::test_known_crashes \
	    --deselect 'tests/test_direct.py::test_scenarios[memory]' \
	    --deselect tests/test_trees.py::test_memory_does_not_grow_with_the_height \
	    --deselect tests/test_processes.py::test_forks
	rm -rf build/thread-sanitizer
	PATH="$(CURDIR)/$(BIN):$$PATH" meson setup -Db_sanitize=thread -Db_lundef=false build/thread-sanitizer
	PATH="$(CURDIR)/$(BIN):$$PATH" OPENSLIDE_LIBRARY="$$($(BIN)/python -c 'import openslide; print(openslide.__library_path__)')" \
	    meson test -C build/thread-sanitizer --print-errorlogs

# The extension module as it tells gcov what is run, in an environment of its own.
$(COVERAGE)/package: $(COVERAGE)/tools $(SOURCES) Makefile
	$(COVERAGE)/bin/python -m pip install --quiet --group coverage
	rm -rf build/coverage build/coverage-c && mkdir -p build
	printf '[build]\nbuild_base = build/coverage\n' > build/coverage.cfg
	DIST_EXTRA_CONFIG=$(CURDIR)/build/coverage.cfg \
	    CFLAGS='-O1 -g --coverage -fprofile-update=prefer-atomic' LDFLAGS='--coverage' \
	    $(COVERAGE)/bin/python -m pip install --quiet .
	touch $@

# Left out is what takes long and runs no line that other tests do not, or measures memory.
COVERAGE_TESTS := $(filter-out $(addprefix tests/test_,$(addsuffix .py,docs damage division \
    oracle c build wheels leaks server_attack server_browser trees_browser)),$(wildcard tests/test_*.py))
COVERED := $(COVERAGE)/bin/python -m coverage
# What the measurement is in the way of in programs that tests begin: it imports modules,
# takes memory, and cannot write what it found where nothing may be written.
NOT_COVERED := $(addprefix --deselect ,tests/test_trees.py::test_nothing_heavy_is_imported \
    tests/test_trees.py::test_memory_does_not_grow_with_the_height \
    tests/test_errors.py::test_an_unreadable_file tests/test_export_ends.py::test_no_space)
# Programs begin in other folders, too.
coverage-python coverage-report: export COVERAGE_FILE := $(CURDIR)/build/coverage.data

# What failed tests did not run is not counted, so the tables are made all the same.
coverage: $(COVERAGE)/package ## Measure which lines of Python and C the tests run (TESTS=files, OUT=folder)
	failed=0; for part in python c report; do \
	    $(MAKE) --no-print-directory coverage-$$part || failed=1; done; exit $$failed

coverage-python:
	find build/coverage -name '*.gcda' -delete
	$(COVERED) erase
	$(COVERED) run $(PYTEST) -q $(NOT_COVERED) $(or $(TESTS),$(COVERAGE_TESTS))

# The tests of kernels look at vector registers, which GCC leaves dirty at -O2 where it
# counts, and at -O1 but for the option.
coverage-c:
	rm -rf build/coverage-c
	PATH="$(CURDIR)/$(COVERAGE)/bin:$$PATH" meson setup -Db_coverage=true -Doptimization=1 \
	    -Dc_args='-fprofile-update=prefer-atomic -fexpensive-optimizations' build/coverage-c
	PATH="$(CURDIR)/$(COVERAGE)/bin:$$PATH" OPENSLIDE_LIBRARY="$$($(COVERAGE)/bin/python -c 'import openslide; print(openslide.__library_path__)')" \
	    meson test -C build/coverage-c --print-errorlogs

coverage-report:
	rm -rf '$(OUT)/coverage' && mkdir -p '$(OUT)/coverage/c'
	$(COVERED) combine --quiet
	$(COVERED) html --quiet --directory '$(OUT)/coverage/python'
	$(COVERED) xml --quiet -o '$(OUT)/coverage/python.xml'
	$(COVERED) report --format=markdown > '$(OUT)/coverage/python.md'
	$(COVERED) report
	$(COVERAGE)/bin/gcovr --root . --filter ext/ build/coverage build/coverage-c \
	    --html-nested '$(OUT)/coverage/c/index.html' --cobertura '$(OUT)/coverage/c.xml' \
	    --markdown '$(OUT)/coverage/c.md' --txt

test-old-library: $(VENV)/package ## Pass the tests with OpenSlide 3.4 (Debian: libopenslide0)
	library=$$(ldconfig -p | awk '/libopenslide\.so\.0 / { print $$NF; exit }') && \
	    test -n "$$library" && \
	    OPENSLIDE_LIBRARY=$$library $(BIN)/python $(PYTEST)

# The campaign and each fuzzer have a share of the time each.
fuzz: $(VENV)/package ## Damage slides of every format, and fuzz the C code (DURATION=600, in seconds)
	$(BIN)/python -m tests.damage --seconds $(FUZZ_SHARE) \
	    --seed $$(date +%s) --keep $(OUT)/damaged
	@if command -v clang > /dev/null; then $(MAKE) --no-print-directory fuzz-c; \
	else echo 'fuzz: there is no clang, so the C code was not fuzzed'; fi

# What libFuzzer learns is kept in $(OUT)/fuzz, and so are inputs that fail.
fuzz-c: $(VENV)/tools
	test -e build/fuzz/build.ninja || PATH="$(CURDIR)/$(BIN):$$PATH" CC=clang \
	    meson setup -Dfuzzers=true build/fuzz
	PATH="$(CURDIR)/$(BIN):$$PATH" meson compile -C build/fuzz fuzzers
	$(BIN)/python -m tests.fuzz build/fuzz/seeds
	set -e; for name in $(FUZZERS); do \
	    if ! test -x build/fuzz/tests/fuzz/fuzz_$$name; then \
	        echo "fuzz: fuzz_$$name was not built"; continue; fi; \
	    mkdir -p $(OUT)/fuzz/$$name; \
	    build/fuzz/tests/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SHARE) \
	        -max_len=16384 -timeout=10 -print_final_stats=1 \
	        -artifact_prefix=$(OUT)/fuzz/$$name- \
	        $(OUT)/fuzz/$$name build/fuzz/seeds/$$name; \
	done

bench: $(VENV)/package $(ORACLE)/ready $(CUCIM)/ready ## Measure beside the raw C call, openslide-python and cucim (BENCH=options)
	cucim=; if test -e $(CUCIM)/ready; then cucim='--cucim-python $(CUCIM)/bin/python'; fi; \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks \
	    --peer-python $(ORACLE)/bin/python $$cucim $(BENCH)

bench-tiles: $(VENV)/package $(ORACLE)/ready ## Measure openslide tiles beside openslide-python and a process pool
	$(BIN)/python -m benchmarks.bench_tiles \
	    --peer-python $(ORACLE)/bin/python $(BENCH)

bench-tileset: $(VENV)/package ## Measure a shuffled TileSet of 50 slides beside read_batch in file order (BENCH=options)
	$(BIN)/python -m benchmarks.bench_tile_set $(BENCH)

# Each peer in an environment of its own, where it can be installed.
PEERS := tiffslide fastslide pyvips tifffile
PEER_NEEDS_tiffslide := tiffslide
PEER_NEEDS_fastslide := fastslide numpy pillow
PEER_NEEDS_pyvips := pyvips[binary] numpy pillow
PEER_NEEDS_tifffile := tifffile zarr imagecodecs pillow

.venv-peer-%/tried:
	$(PYTHON) -m venv .venv-peer-$*
	.venv-peer-$*/bin/python -m pip install --quiet $(PEER_NEEDS_$*) \
	    && touch .venv-peer-$*/ready \
	    || echo 'bench-peers: $* cannot be installed here, so it is left out'
	touch $@

bench-array: $(VENV)/package ## Measure lazy arrays and Dask beside what they stand on (BENCH=options)
	$(BIN)/python -m benchmarks.bench_array $(BENCH)

$(VENV)/plots: $(VENV)/tools
	$(BIN)/python -m pip install --quiet --group plots
	touch $@

# Of the slides that are written, all of them, the report is part of the documentation.
PEERS_REPORT := $(if $(SLIDE)$(BENCH),$(OUT)/peers,docs)
bench-cluster: $(VENV)/package ## Measure what docs/howto/clusters.md reckons with (BENCH=options)
	$(BIN)/python -m benchmarks.bench_cluster $(BENCH)

bench-peers: $(VENV)/package $(VENV)/plots $(ORACLE)/ready $(CUCIM)/ready $(PEERS:%=.venv-peer-%/tried) ## Measure beside other libraries, and write docs/peers.md (SLIDE=path or BENCH=options: out/peers)
	mkdir -p $(PEERS_REPORT)
	peers='--peer ours=$(BIN)/python --peer openslide-python=$(ORACLE)/bin/python'; \
	if test -e $(CUCIM)/ready; then peers="$$peers --peer cucim=$(CUCIM)/bin/python"; fi; \
	for name in $(PEERS); do if test -e .venv-peer-$$name/ready; then \
	    peers="$$peers --peer $$name=.venv-peer-$$name/bin/python"; fi; done; \
	$(BIN)/python -m benchmarks.bench_peers $$peers \
	    --page $(PEERS_REPORT)/peers.md --plot $(PEERS_REPORT)/pictures/peers.svg \
	    $(if $(SLIDE),--slide '$(SLIDE)') $(BENCH)

bench-trees: $(VENV)/package $(ORACLE)/ready $(VIPS)/ready ## Measure openslide dzi beside vips dzsave (BENCH=options)
	$(BIN)/python -m benchmarks.bench_trees --vips-python $(VIPS)/bin/python \
	    --peer-python $(ORACLE)/bin/python $(BENCH)

bench-native: $(VENV)/package $(VIPS)/ready ## Measure tiles that are copied, and openslide convert beside vips tiffsave (BENCH=options)
	$(BIN)/python -m benchmarks.bench_native --vips-python $(VIPS)/bin/python $(BENCH)

bench-resampled: $(VENV)/package ## Measure batches at another resolution beside decoding the same tiles (BENCH=options)
	$(BIN)/python -m benchmarks.bench_resampled $(BENCH)

bench-server: $(VENV)/package $(FLASK)/ready $(OPENSEADRAGON) $(VENV)/browser ## Measure openslide serve beside Flask (Debian: wrk, chromium; BENCH=options)
	$(BIN)/python -m benchmarks.bench_server --flask-python $(FLASK)/bin/python $(BENCH)

# The package is installed, for its docstrings are part of it.
$(DOCS)/ready: pyproject.toml $(SOURCES)
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --upgrade 'pip >= 25.1'
	$(DOCS)/bin/python -m pip install --quiet --group docs '.[array,tiles,zarr,dask]'
	touch $@

docs: $(DOCS)/ready ## Write the documentation to build/docs, warnings being errors
	$(DOCS)/bin/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet \
	    docs build/docs
	@echo "open build/docs/index.html"

$(WHEELS)/ready: pyproject.toml
	$(PYTHON) -m venv $(WHEELS)
	$(WHEELS)/bin/python -m pip install --quiet --upgrade 'pip >= 25.1'
	$(WHEELS)/bin/python -m pip install --quiet --group wheels
	touch $@

wheel: $(WHEELS)/ready $(ORACLE)/ready $(OPENSEADRAGON) ## Make the wheels of this machine, try them with every Python, and the kernels of AArch64
	PATH="$(CURDIR)/$(WHEELS)/bin:$$PATH" $(WHEELS)/bin/python -m wheels \
	    --oracle $(CURDIR)/$(ORACLE)/bin/python
	@$(MAKE) --no-print-directory test-neon

lint: $(VENV)/package ## Check types, style, the stub, and C warnings
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest openslide._openslide
	$(BIN)/clang-format --dry-run -Werror $(C_FILES)
	CFLAGS=-Werror $(BIN)/python setup.py --quiet build_ext --force \
	    --build-temp build/lint --build-lib build/lint
	@if command -v $(MINGW) > /dev/null; then $(MAKE) --no-print-directory lint-windows; \
	else echo 'lint: there is no $(MINGW), so what is for Windows was not compiled'; fi

# The branches for Windows, of what does without Python's headers.
lint-windows:
	grep -v -e '^#' -e '^python/' -e '^_openslide_module' ext/sources.txt | \
	    xargs -P 2 -n 8 sh -c 'cd ext && exec $(MINGW) -std=c11 -D_WIN32_WINNT=0x0A00 \
	    -I. -Wall -Wextra -Werror -fsyntax-only "$$@"' $(MINGW)

format: $(VENV)/tools ## Format all sources
	$(BIN)/ruff check --fix --quiet $(PYTHON_FILES) || true
	$(BIN)/ruff format $(PYTHON_FILES)
	$(BIN)/clang-format -i $(C_FILES)

clean: ## Remove everything that was made
	rm -rf build dist $(OUT) $(VENV) $(ORACLE) $(CUCIM) $(VIPS) $(SANITIZE) $(WITHOUT_JPEG) $(COVERAGE) \
	    $(FLASK) viewer/node_modules $(PAGES)/vendor src/*.egg-info
	find src tests -name __pycache__ -prune -exec rm -rf {} +
