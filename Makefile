# make                  build/ngx_http_mcp_policy_module.so, build/mcp-policy
# make help             everything else
#
# NGINX_SRC=dir         build against an nginx source tree, not nginx-dev
# STATIC=1              with NGINX_SRC: an nginx with the module inside
# SANITIZE=1            nginx, module, tool and tests under ASan and UBSan
# CC=, CFLAGS=, LDFLAGS=  compiler and additional flags
# DEPS=:                leave the packages of the system alone

SHELL = /bin/bash
.SHELLFLAGS = -eu -o pipefail -c
.DELETE_ON_ERROR:
.SECONDARY:

# Keeps a file of settings, new only when they change.
settle = >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@

MAKEFLAGS += --no-print-directory

# Where nginx is, which is not in the PATH of every user.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

NAME := ngx_http_mcp_policy_module
SRC := ngx_mcp_policy_module
TOP := $(CURDIR)

NGINX_SRC ?=
STATIC ?=
SANITIZE ?=
DEPS ?= t/tools/deps
DESTDIR ?=
PREFIX ?= /usr/local

BUILD := $(TOP)/build$(if $(SANITIZE),/sanitize)
MODULE := $(BUILD)/$(NAME).so
TOOL := $(BUILD)/mcp-policy

JOBS ?= $(shell nproc)
TEST_JOBS ?= $(shell echo $$(( $(JOBS) + 1 )))
SECONDS ?= 60
FUZZ ?=

ifeq ($(origin CC),default)
CC := gcc
endif

CFLAGS ?=
LDFLAGS ?=

WARN := -Wall -Wextra -Wpointer-arith -Werror
DEFS := -I$(SRC)/core -D_GNU_SOURCE
LIBS := -ljansson -lyaml -lpcre2-8 -lcrypto

# Debian's hardening; the sanitizers replace it.  nginx itself copies zero
# bytes from NULL here and there, and clang takes its callbacks for wrong.
HARDEN := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
ASAN := -O1 -fsanitize=address,undefined -fno-sanitize=nonnull-attribute \
        -fno-omit-frame-pointer -fno-sanitize-recover=undefined

ifneq ($(findstring clang,$(CC)),)
ASAN += -fno-sanitize=function
endif

MODE := $(if $(SANITIZE),$(ASAN),$(HARDEN))
LINK := $(if $(SANITIZE),$(ASAN)) $(LDFLAGS)


.PHONY: all module tool
all: module tool

module: $(if $(STATIC),nginx,$(MODULE))
tool: $(if $(wildcard $(SRC)/cli/*.c),$(TOOL))


# nginx and the module: nginx's own makefile knows what is stale, so it is
# always asked.  The configure step is repeated when its input has changed.

SANITIZE_SRC := $(BUILD)/src/nginx

ifneq ($(and $(SANITIZE),$(if $(NGINX_SRC),,1)),)
override NGINX_SRC := $(SANITIZE_SRC)
endif

# A module for a private nginx is tested with that nginx.
OWN_NGINX := $(if $(NGINX_SRC),yes)

# Looked up when it is needed: on a new machine "deps" installs it first.
NGINX = $(if $(OWN_NGINX),$(BUILD)/nginx,$(shell PATH='$(PATH)' \
    command -v nginx))

# nginx stores words wherever the processor lets it.
CC_OPT := -g -fPIC $(MODE) $(CFLAGS) \
    $(if $(SANITIZE),-fno-sanitize=alignment -DNGX_DEBUG_PALLOC=1) \
    $(if $(HOOKS),-DNGX_HTTP_MCP_POLICY_TEST=1)
LD_OPT := $(if $(SANITIZE),$(ASAN),-Wl,-z,relro -Wl,-z,now)

# nginx runs where it is built: no path of the system is its business.
OWN_FLAGS := --http-log-path=/dev/null --error-log-path=stderr \
    --with-compat --with-debug --with-pcre-jit --with-threads \
    --with-http_ssl_module --with-http_v2_module \
    --with-http_realip_module --with-http_auth_request_module \
    --with-http_stub_status_module --with-http_sub_module \
    --with-http_gunzip_module --with-http_gzip_static_module \
    --with-http_addition_module --with-http_slice_module

OBJS := $(BUILD)/objs$(if $(OWN_NGINX),-src)$(if $(STATIC),-static)
CONFIGURED := $(OBJS)/.configured

# A file that comes or goes needs a new configure step, too.
SOURCES := $(sort $(wildcard $(SRC)/core/*.[ch] $(SRC)/nginx/*.[ch]))

export NGINX_SRC STATIC OBJS CC CC_OPT LD_OPT OWN_FLAGS

$(MODULE): $(CONFIGURED) FORCE
	@t/tools/nginx-build modules
	@cmp -s $(OBJS)/$(NAME).so $@ \
	    || { cp $(OBJS)/$(NAME).so $@.new && mv $@.new $@; }

.PHONY: nginx
nginx: $(BUILD)/nginx

$(BUILD)/nginx: $(CONFIGURED) FORCE
	@t/tools/nginx-build binary
	@cmp -s $(OBJS)/nginx $@ \
	    || { cp $(OBJS)/nginx $@.new && mv $@.new $@; }

$(CONFIGURED): config config.make Makefile t/tools/nginx-build \
        $(OBJS)/.settings \
        $(if $(filter $(SANITIZE_SRC),$(NGINX_SRC)),$(SANITIZE_SRC)/.fetched) \
        | deps-build
	@t/tools/nginx-build configure
	@touch $@

$(OBJS)/.settings: FORCE | deps-build
	@mkdir -p $(OBJS)
	@printf '%s\n' '$(CC) $(CC_OPT) $(LD_OPT) $(NGINX_SRC) $(STATIC)' \
	    "$$(nginx -v 2>&1 || true)" $(SOURCES) $(settle)

$(SANITIZE_SRC)/.fetched: | deps
	@t/tools/nginx-source $(SANITIZE_SRC)
	@touch $@

# The module with a clock that tests can set, and accidents on demand.
HOOKS ?=
TEST_MODULE := $(BUILD)/test/$(if $(STATIC),nginx,$(NAME).so)

$(TEST_MODULE): module FORCE
	@$(MAKE) module HOOKS=1 BUILD=$(BUILD)/test SANITIZE_SRC=$(SANITIZE_SRC)

.PHONY: FORCE
FORCE:


# The core once more, for the tool, the unit tests and the fuzzers.

CORE := $(wildcard $(SRC)/core/*.c)
CLI := $(wildcard $(SRC)/cli/*.c)
UNIT := $(wildcard t/unit/test_*.c)

CORE_OBJS := $(CORE:$(SRC)/%.c=$(BUILD)/obj/%.o)
CLI_OBJS := $(CLI:$(SRC)/%.c=$(BUILD)/obj/%.o)
UNIT_TESTS := $(UNIT:t/unit/%.c=$(BUILD)/unit/%)

COMPILE = $(CC) -std=c11 -g $(WARN) $(DEFS) $(MODE) $(CFLAGS) -MMD -MP

$(BUILD)/obj/%.o: $(SRC)/%.c $(BUILD)/obj/.settings
	@mkdir -p $(@D)
	@$(COMPILE) -c -o $@ $<

$(BUILD)/obj/.settings: FORCE | deps-build
	@mkdir -p $(@D)
	@echo '$(COMPILE)' $(settle)

$(TOOL): $(CORE_OBJS) $(CLI_OBJS)
	@$(CC) $(LINK) -o $@ $^ -Wl,--as-needed $(LIBS) -lcurl

$(BUILD)/unit/%: t/unit/%.c $(CORE_OBJS)
	@mkdir -p $(@D)
	@$(COMPILE) -It/unit -MF $@.d -o $@ $< $(CORE_OBJS) \
	    -Wl,--as-needed $(LIBS)

-include $(CORE_OBJS:.o=.d) $(CLI_OBJS:.o=.d) $(UNIT_TESTS:=.d)

.PHONY: unit
unit: $(UNIT_TESTS)

# Core and tool for another architecture, with Debian's libraries of it, and
# the unit tests on an emulated processor.
CROSS := $(TOP)/build/aarch64
CROSS_ROOT := $(CROSS)/root

.PHONY: cross
cross: $(CROSS_ROOT)/.fetched
	@$(MAKE) tool unit BUILD=$(CROSS) DEPS=: \
	    CC='aarch64-linux-gnu-gcc --sysroot=$(CROSS_ROOT)'
	@prove -j$(TEST_JOBS) --timer -e 'qemu-aarch64-static -L $(CROSS_ROOT)' \
	    $(or $(filter build/%,$(TESTS:build/unit/%=build/aarch64/unit/%)), \
	        $(UNIT:t/unit/%.c=build/aarch64/unit/%))

$(CROSS_ROOT)/.fetched: t/tools/cross | deps-cross
	@t/tools/cross $(@D)
	@touch $@


# Tests: everything that prints TAP goes through one prove.

TESTS ?=
ALL_TESTS = $(sort $(wildcard t/*.t t/cli/*.t)) $(UNIT_TESTS:$(TOP)/%=%)

# A dynamic module has a list of modules of the name that nginx's own has.
TEST_ENV = TEST_NGINX_BINARY=$(NGINX) \
    TEST_NGINX_MODULE=$(if $(STATIC),,$(MODULE)) \
    TEST_NGINX_TEST_BINARY=$(if $(STATIC),$(TEST_MODULE),$(NGINX)) \
    TEST_NGINX_TEST_MODULE=$(if $(STATIC),,$(TEST_MODULE)) \
    TEST_MCP_POLICY=$(TOOL) TEST_BUILD=$(BUILD) \
    TEST_SANITIZE=$(SANITIZE) TEST_FUZZERS='$(FUZZERS)' \
    TEST_FUZZ_BUILD=$(FUZZ_BUILD) \
    ASAN_OPTIONS=detect_leaks=1:detect_odr_violation=0 \
    UBSAN_OPTIONS=print_stacktrace=1

# Whether the tests chosen need something that only they do.
wants = $(if $(TESTS),$(findstring $1,$(TESTS)),yes)

.PHONY: test
test: deps all $(if $(OWN_NGINX),nginx) $(TEST_MODULE) \
        $(if $(call wants,/unit/),$(UNIT_TESTS)) \
        $(if $(call wants,t/canonical),$(BUILD)/unit/test_canonical) \
        $(if $(call wants,fuzz),fuzzers readers) \
        $(if $(or $(call wants,clients),$(call wants,conformance), \
            $(call wants,canonical),$(call wants,scan_servers), \
            $(call wants,t/audit),$(call wants,browser)),e2e-deps) \
        $(if $(call wants,t/run),t/e2e/node_modules/.installed) \
        $(if $(call wants,t/recipes),t/e2e/node_modules/.installed \
            t/e2e/bridge/node_modules/.installed) \
        $(if $(call wants,t/schema_),schema-deps) \
        $(if $(call wants,t/instructions),$(BUILD)/bench/bench_decision) \
        $(if $(or $(call wants,t/kubernetes),$(call wants,t/docker)), \
            build/manifests/.installed) \
        $(if $(and $(OWN_NGINX),$(call wants,t/http3)), \
            build/http3/.installed)
	@$(TEST_ENV) prove -It/lib -j$(TEST_JOBS) --timer \
	    $(or $(TESTS),$(ALL_TESTS))

# nginx's own test suite, a checkout of which is NGINX_TESTS, without the
# module, with it, and where it enforces a policy everywhere.  A source tree
# is built with every module of nginx; its Perl files stay where it was built.
# SUITE=--keep, for instance, is an option of t/tools/nginx-tests.
NGINX_TESTS ?=
SUITE ?=
OWN_SUITE := $(BUILD)/nginx-tests
OWN_SUITE_NGINX = $(OWN_SUITE)/$(notdir $(OBJS))/nginx
EVERY = $(OWN_FLAGS) --with-file-aio --with-mail --with-stream $(shell sed -n \
    's/^ *\(--with-\(http\|mail\|stream\)_[a-z0-9_]*_module\).*/\1/p' \
    $(NGINX_SRC)/auto/options | sort -u)

.PHONY: nginx-tests
nginx-tests: deps-suite $(if $(OWN_NGINX),,module)
	$(if $(OWN_NGINX),@$(MAKE) module nginx BUILD=$(OWN_SUITE) \
	    OWN_FLAGS='$(EVERY)')
	@TEST_BUILD=$(BUILD) TEST_JOBS=$(TEST_JOBS) \
	    TEST_NGINX_MODULES=$(MODULES_PATH) \
	    TEST_NGINX_BINARY=$(if $(OWN_NGINX),$(OWN_SUITE_NGINX),$(NGINX)) \
	    TEST_NGINX_MODULE=$(if $(OWN_NGINX),$(OWN_SUITE)/$(NAME).so,$(MODULE)) \
	    t/tools/nginx-tests $(SUITE) '$(NGINX_TESTS)' $(TESTS)

# Tests with other versions of nginx, each built by both compilers, as a
# module and into the binary.  COMPILERS=gcc STATICS=no, for instance, is less.
# Files that do not name nginx or what starts it are not run: core, tool,
# packages and fuzzers are the same with every version.
NGINX_HAS_PART = $(shell grep -lE '^use MCPTest;|TEST_NGINX_' t/*.t)
NGINX_SRCS ?=
COMPILERS ?= gcc clang
STATICS ?= no 1

.PHONY: versions
versions:
	@failed=; \
	for src in $(NGINX_SRCS); do \
	for cc in $(COMPILERS); do \
	for static in $(STATICS:no=''); do \
	    dir=$$(basename $$src)-$$cc$${static:+-static}; \
	    echo "== $$dir"; \
	    $(MAKE) test NGINX_SRC=$$src CC=$$cc STATIC=$$static \
	        BUILD=$(BUILD)/versions/$$dir \
	        TESTS='$(or $(TESTS),$(NGINX_HAS_PART))' \
	        || failed+=" $$dir"; \
	done; done; done; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

# The official clients and servers, all pinned by lock files.
.PHONY: e2e-deps
e2e-deps: t/e2e/node_modules/.installed $(TOP)/build/python/.installed

t/e2e/node_modules/.installed: t/e2e/package-lock.json | deps-run
	@echo 'installing the official MCP packages'
	@cd t/e2e && npm ci --ignore-scripts --silent
	@touch $@

t/e2e/bridge/node_modules/.installed: t/e2e/bridge/package-lock.json | deps-run
	@echo 'installing a bridge to stdio servers'
	@cd $(dir $<) && npm ci --ignore-scripts --silent
	@touch $@

$(TOP)/build/python/.installed: t/e2e/requirements-1.txt \
        t/e2e/requirements-2.txt | deps
	@echo 'installing the official Python clients'
	@rm -rf $(@D)
	@for n in 1 2; do \
	    python3 -m venv $(@D)/sdk$$n; \
	    $(@D)/sdk$$n/bin/pip install -q --disable-pip-version-check \
	        -r t/e2e/requirements-$$n.txt; \
	done
	@touch $@

# The JSON Schema Test Suite is part of the sources of a Python package; no
# package of npm has its cases for draft 2020-12.  To download them pip wants
# what would build them.
.PHONY: schema-deps
schema-deps: t/e2e/node_modules/.installed $(TOP)/build/suite/.installed \
        $(BUILD)/unit/schema_cases

$(TOP)/build/suite/.installed: t/e2e/requirements-suite.txt \
        t/e2e/suite-sha256.txt | deps
	@echo 'fetching the JSON Schema Test Suite'
	@rm -rf $(@D)
	@python3 -m venv $(@D)/python
	@PIP_CONSTRAINT=t/e2e/requirements-suite.txt \
	    $(@D)/python/bin/pip download -q --disable-pip-version-check \
	        --no-deps --no-binary jsonschema -d $(@D) jsonschema
	@cd $(@D) && sha256sum --quiet -c $(TOP)/t/e2e/suite-sha256.txt \
	    && tar -xzf jsonschema-*.tar.gz --strip-components=3 --wildcards \
	        '*/json/tests/draft2020-12'
	@touch $@

# The schemas of Kubernetes, and hadolint.
build/manifests/.installed: t/e2e/requirements-manifests.txt | deps
	@echo 'installing the schemas of Kubernetes'
	@rm -rf $(@D)
	@python3 -m venv $(@D)
	@$(@D)/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

# A client of HTTP/3, which Debian 12's nginx does not speak.
build/http3/.installed: t/e2e/requirements-http3.txt | deps
	@echo 'installing a client of HTTP/3'
	@rm -rf $(@D)
	@python3 -m venv $(@D)
	@$(@D)/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@


# Random policies, traffic and accidents, and an oracle: docs/torture.md.
SEED ?=
ROUNDS ?=
SHORT ?=

.PHONY: torture
torture: deps all $(if $(OWN_NGINX),nginx) $(TEST_MODULE)
	@$(TEST_ENV) t/torture/run --seconds $(SECONDS) \
	    $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	    $(if $(SHORT),--short)


# Fuzzing needs clang's libFuzzer.

FUZZERS := $(patsubst t/fuzz/fuzz_%.c,%,$(wildcard t/fuzz/fuzz_*.c))
FUZZ_BUILD := $(TOP)/build/fuzz
FUZZ_OBJS := $(CORE:$(SRC)/%.c=$(FUZZ_BUILD)/obj/%.o)
FUZZ_FLAGS := -std=c11 -g -O1 $(WARN) $(DEFS) -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined

.PHONY: fuzz fuzzers
fuzz: fuzzers $(filter readers,$(or $(FUZZ),$(FUZZERS)))
	@for name in $(or $(FUZZ),$(FUZZERS)); do \
	    t/tools/fuzz $(FUZZ_BUILD) $$name $(SECONDS); \
	done

fuzzers: $(FUZZERS:%=$(FUZZ_BUILD)/%)

$(FUZZ_BUILD)/obj/%.o: $(SRC)/%.c | deps
	@mkdir -p $(@D)
	@clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(FUZZ_BUILD)/%: t/fuzz/fuzz_%.c $(FUZZ_OBJS)
	@mkdir -p $(@D)
	@clang $(FUZZ_FLAGS) $(FUZZ_NGINX) -fsanitize=fuzzer -MMD -MP -MF $@.d \
	    -o $@ $< $(FUZZ_OBJS) -Wl,--as-needed $(LIBS)

# These include sources of the layer above the core, and have the little of
# nginx that is asked for.
FUZZ_LAYER := admin mailbox

$(FUZZ_LAYER:%=$(FUZZ_BUILD)/%): $(CONFIGURED)
$(FUZZ_LAYER:%=$(FUZZ_BUILD)/%): FUZZ_NGINX = -I$(SRC)/nginx \
    -Wno-unused-parameter \
    $(patsubst %,-isystem $(OBJS)/%,. $(addprefix tree/src/,core event \
        event/modules event/quic os/unix http http/modules http/v2 http/v3))

-include $(FUZZ_OBJS:.o=.d) $(FUZZERS:%=$(FUZZ_BUILD)/%.d)

# The parsers that servers have, to be asked what a text means: those of Node
# and Python always, of Go and Rust where these languages are.
READERS := $(TOP)/build/readers

.PHONY: readers
readers: e2e-deps
	@! command -v go >/dev/null || $(MAKE) -s $(READERS)/go
	@! command -v cargo >/dev/null || $(MAKE) -s $(READERS)/serde

$(READERS)/go: t/fuzz/readers/go/main.go t/fuzz/readers/go/go.mod
	@cd $(<D) && go build -o $@ .

$(READERS)/serde: t/fuzz/readers/rust/src/main.rs \
        t/fuzz/readers/rust/Cargo.lock
	@cd t/fuzz/readers/rust && cargo build -q --release --locked \
	    --target-dir $(READERS)/rust
	@cp $(READERS)/rust/release/readers $@

# How much of the core the committed seeds reach.
FUZZ_COVERAGE := $(FUZZ_BUILD)/coverage

.PHONY: fuzz-coverage
fuzz-coverage: deps readers
	@t/tools/fuzz-coverage $(FUZZ_COVERAGE) \
	    $(filter-out $(FUZZ_LAYER),$(FUZZERS))


.PHONY: lint
lint: deps $(if $(STATIC),,$(MODULE))
	@t/tools/lint $(if $(STATIC),,$(MODULE))

BENCH := $(patsubst t/bench/%.c,$(BUILD)/bench/%,$(wildcard t/bench/*.c))

-include $(BENCH:=.d)

$(BUILD)/bench/%: t/bench/%.c $(CORE_OBJS)
	@mkdir -p $(@D)
	@$(COMPILE) -MF $@.d -o $@ $< $(CORE_OBJS) \
	    -Wl,--as-needed $(LIBS)

# FULL=1 measures everything, ROWS='--only REGEX --rounds 5' chooses, and
# ROWS=--instructions counts instead.
FULL ?=
ROWS ?=

.PHONY: bench
bench: deps all $(BENCH) | deps-bench
	@mkdir -p $(BUILD)/bench
	@$(BUILD)/bench/bench_decision --json >$(BUILD)/bench/core.json
	@for bench in $(if $(FULL),$(BENCH),$(BUILD)/bench/bench_decision); do \
	    $$bench; echo; \
	done
	@$(TEST_ENV) t/bench/run $(if $(FULL),--full) $(ROWS) \
	    | tee $(BUILD)/bench/results.txt
	@t/bench/plot $(BUILD)/bench/results.json >$(BUILD)/bench/results.svg

.PHONY: bench-core
bench-core: deps $(BENCH)

# What t/instructions.t compares with.
.PHONY: baseline
baseline: deps $(BUILD)/bench/bench_decision
	@t/bench/count $(BUILD)/bench/bench_decision t/bench/instructions.json

.PHONY: run
UPSTREAM ?=
PORT ?= 8080
run: module $(if $(OWN_NGINX),nginx) $(if $(UPSTREAM),,run-server)
	@$(TEST_ENV) t/tools/run '$(PORT)' '$(UPSTREAM)'

.PHONY: run-server
run-server: t/e2e/node_modules/.installed


# Where the installed nginx looks for modules.
MODULES_PATH ?= $(or $(shell PATH='$(PATH)' nginx -V 2>&1 \
    | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p'),/usr/lib/nginx/modules)

.PHONY: install
install: all
	install -D -m 644 $(MODULE) $(DESTDIR)$(MODULES_PATH)/$(NAME).so
	$(if $(wildcard $(TOOL)),install -D -m 755 $(TOOL) \
	    $(DESTDIR)$(PREFIX)/bin/mcp-policy)
	install -D -m 644 docs/man/mcp-policy.1 \
	    $(DESTDIR)$(PREFIX)/share/man/man1/mcp-policy.1
	install -D -m 644 conf/mcp-policy.bash-completion \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mcp-policy

# Debian packages, in build/.
.PHONY: deb
deb: deps-deb
	@t/tools/deb $(BUILD)

# Contents, lintian, the same bytes twice, and a clean Debian in a directory
# to install them on.  As root.
DEBIAN_SUITE ?= bookworm
DEBIAN_MIRROR ?= http://deb.debian.org/debian
DEBIAN := $(BUILD)/debian-$(DEBIAN_SUITE)

.PHONY: test-deb
test-deb: deb $(DEBIAN)/.bootstrapped
	@umask 077; TZ=Asia/Tokyo t/tools/deb $(BUILD)/deb-again >/dev/null
	@$(TEST_ENV) TEST_DEB_BASE=$(DEBIAN) prove --timer t/deb/*.t

$(DEBIAN)/.bootstrapped: | deps-deb
	@echo 'bootstrapping $(DEBIAN_SUITE)'
	@rm -rf --one-file-system $(@D)
	@debootstrap --variant=minbase $(DEBIAN_SUITE) $(@D) $(DEBIAN_MIRROR) \
	    >$(@D).log || { tail -n 5 $(@D).log; exit 1; }
	@touch $@

# The image, built by docker and run; IMAGE_ARGS are for "docker build".
IMAGE_ARGS ?=

.PHONY: test-image
test-image:
	@TEST_IMAGE_ARGS='$(IMAGE_ARGS)' prove --timer t/docker/*.t

.PHONY: clean distclean
clean:
	rm -rf build

distclean: clean
	rm -rf t/e2e/node_modules t/e2e/bridge/node_modules

.PHONY: deps deps-build deps-run deps-bench deps-deb deps-cross deps-suite
deps:
	@$(DEPS) test

deps-build:
	@$(DEPS) build

deps-run:
	@$(DEPS) run

deps-deb:
	@$(DEPS) deb

deps-cross:
	@$(DEPS) cross

deps-bench:
	@$(DEPS) bench

deps-suite:
	@$(DEPS) suite

.PHONY: help
help:
	@printf '%s\n' \
	    'make                   module and tool, in build/' \
	    'make run               reference server and gateway on loopback' \
	    '                       UPSTREAM=url PORT=8080' \
	    'make test              every test; TESTS=t/body.t selects' \
	    'make versions          NGINX_SRCS="dir dir", tests with each of them' \
	    'make nginx-tests       NGINX_TESTS=dir, a checkout of that suite' \
	    'make lint              house rules, cppcheck, clang-tidy' \
	    'make fuzz              FUZZ=json SECONDS=60' \
    'make torture           SEED=1 ROUNDS=10 SECONDS=60' \
    'make fuzz-coverage     what the seeds reach, by llvm-cov' \
	    'make bench             cost per request beside a bare proxy, Lua, njs' \
    '                       FULL=1 ROWS="--only 300 --rounds 5"' \
    'make baseline          instructions per decision that are compared' \
	    'make install           DESTDIR= PREFIX=/usr/local' \
	    'make deb, test-deb     Debian packages, in build/' \
	    'make test-image        the container image, by docker' \
	    'make cross             core and tool for aarch64, and their tests' \
	    'make deps              packages that the above need' \
	    'make clean, distclean  also what npm installed' \
	    '' \
	    'NGINX_SRC=dir          a source tree instead of nginx-dev' \
	    'STATIC=1               with NGINX_SRC: module inside nginx' \
	    'SANITIZE=1             everything under ASan and UBSan'
