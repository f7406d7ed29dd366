# make test is the whole check: on a fresh Debian 12 with Go, as root, it installs
# what it needs, builds the test kernels (once: they are cached outside of this
# folder) and runs everything. go test ./... alone is the fast part of it.

GO ?= go
FUZZTIME ?= 16s
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# Tests that need a kernel of their own: integration runs them.
SKIP = -timeout 30m -skip '^TestIntegration'

# Tests load nothing from servers but their own.
unexport DEBUGINFOD_URLS

# Folders with a go.mod of their own.
MODULES = . internal/vmexec bench

PACKAGES = qemu-system-x86 qemu-system-arm busybox-static dropbear-bin git qemu-user-static linux-source-6.1 linux-source-6.12 gcc make flex bison bc \
	libelf-dev libssl-dev cpio kmod xz-utils rsync python3 binutils elfutils debuginfod zstd \
	makedumpfile python3-drgn prometheus prometheus-node-exporter python3-jsonschema python3-prometheus-client \
	groff-base zsh fish clang-14 llvm-14 dwz rustc gcc-aarch64-linux-gnu gcc-arm-linux-gnueabi gcc-riscv64-linux-gnu \
	gcc-powerpc64le-linux-gnu gcc-s390x-linux-gnu gcc-mips64-linux-gnuabi64

.PHONY: test packages checks lint unit readme fuzz cross integration fixtures newest bench release

# The kernels wait most of the time, for objects to be old enough: what computes goes on
# beside them, and lets them go first.
test: packages
	$(MAKE) -j 2 integration checks
	@cat bin/repeated

checks:
	@for check in lint unit readme cross fuzz; do nice -n 10 $(MAKE) $$check || exit 1; done

packages:
	@missing=""; for p in $(PACKAGES); do \
		dpkg-query -W -f='$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	fi

lint:
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	@for m in $(MODULES); do \
		echo "lint $$m"; \
		(cd $$m && $(GO) vet ./... && $(GO) mod tidy -diff && $(GO) run $(STATICCHECK) ./...) || exit 1; \
	done
	$(GO) vet -tags nonet ./...
	$(GO) run $(ACTIONLINT) .github/workflows/*.yml examples/ci/github.yml
	internal/release/vuln.sh
	internal/release/api.sh

unit:
	@for m in $(MODULES); do (cd $$m && $(GO) test -race $(SKIP) ./...) || exit 1; done

# All commands of README.md, in a fresh clone of what is committed.
readme:
	internal/readme/readme.sh

fuzz:
	internal/fuzz/fuzz.sh $(FUZZTIME)

cross:
	@for target in linux/arm64 linux/386 darwin/arm64 windows/amd64; do \
		echo "build $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 $(GO) vet ./... || exit 1; \
	done
	@# What is released is built by this machine, whatever the test is for.
	CGO_ENABLED=0 GOARCH=386 $(GO) test $(SKIP) -skip '^TestIntegration|^TestRelease' ./...
	@# The emulator does not tell the address of a SIGBUS, which reading a mapped file
	@# that was cut off takes.
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test $(SKIP) -skip '^TestIntegration|^TestRelease|Truncated' -exec qemu-aarch64-static ./...

integration:
	internal/kernels/integration.sh

# What is released, into dist: stripped programs for all targets, their checksums and an
# SBOM. Whoever builds the same commit with the same Go gets the same bytes.
release:
	$(GO) run ./internal/release -run testdata/reports/hello_kernel-6.12-x86_64.txt

# Captures and modules that the tests compare with, made anew.
fixtures:
	internal/kernels/fixtures.sh

# The newest kernel that Debian has, which is no part of make test because another one
# comes every week: builds it, and makes modules and captures of it.
newest: packages
	kernel=$$(internal/kernels/kernels.sh newest $(VERSION)) && internal/kernels/fixtures.sh "$$kernel"

# Compares with other programs, over all of Debian's kernel, and the speed over one of
# sid too, which are loaded once (1.3 GB): docs/benchmarks.md has the results.
# BENCHFLAGS='-args -every 100' is a quick look.
bench: PACKAGES = binutils elfutils llvm rustc cargo librust-addr2line+std-object-dev librust-memmap2-dev
bench: packages
	cd bench && objects=$$(./debian.sh) && newest=$$(./debian.sh sid) && \
		KMEMLEAK_OBJECTS=$$objects KMEMLEAK_NEWEST=$$newest $(GO) test -bench . -v -timeout 2h . $(BENCHFLAGS)
