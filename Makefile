# Everything a developer or a pipeline runs. `make` alone lists the targets. Needed: git, make, bash and Go, and openssl and PostgreSQL for the tests.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# One set of compiled packages serves build, test, lint and demo: the same flags everywhere, no C compiler.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
KUBECTL ?= kubectl
FUZZTIME ?= 1m
TEST_TIMEOUT ?= 20m

CONTROLLER_GEN := go tool -modfile=hack/tools/go.mod controller-gen
CRD_REF_DOCS := go tool -modfile=hack/tools/go.mod crd-ref-docs
GOLANGCI_LINT := go tool -modfile=hack/tools/golangci-lint.mod golangci-lint

# Levels 3 and up: they need a control plane.
SLOW_PACKAGES := /(controllers|internal/operator|test)(/|$$)

# go test starts packages in the order they are given: the longest first, or one of them runs alone at the end.
LONGEST_PACKAGES := ./test/scenarios ./test/proof ./test/crash

##@ General

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-zA-Z_\/-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: assets bin/sluice ## Play the walkthrough on a control plane of its own. KEEP=1 leaves it running until Ctrl-C.
	@KEEP=$(KEEP) go run ./test/demo

.PHONY: demo-beyondtrust
demo-beyondtrust: assets bin/sluice ## Show how credentials of BeyondTrust that live for a minute are replaced, for three minutes.
	@go run ./test/demo/beyondtrust

.PHONY: clean
clean: ## Remove what make built (Go's own caches stay).
	rm -rf bin

##@ Build

.PHONY: build
build: bin/sluice ## Build bin/sluice.

# Go itself knows what is out of date.
.PHONY: bin/sluice
bin/sluice:
	@hack/go-build $@ . ./cmd/sluice -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: generate
generate: manifests reference ## Generate deep copies, CRDs and docs/reference from the types in apis/.
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./apis/...

.PHONY: manifests
manifests: ## Generate the CRDs alone, into config/crd/bases.
	$(CONTROLLER_GEN) crd paths=./apis/... output:crd:dir=config/crd/bases

API_GROUPS = $(sort $(shell sed -n 's|^// +groupName=||p' apis/*/*/doc.go))

.PHONY: reference
reference: ## Generate docs/reference alone, a page for each API group.
	@for group in $(API_GROUPS); do \
		$(CRD_REF_DOCS) --log-level=WARN --max-depth=20 --source-path=apis \
			--config=hack/reference/config.yaml --templates-dir=hack/reference/templates \
			--renderer=markdown --template-value="group=$$group" --output-path="docs/reference/$$group.md"; \
	done

##@ Test

.PHONY: test-fast
test-fast: ## Run the tests that need no control plane; for running on save.
	@go test $$(go list ./... | grep -Ev '$(SLOW_PACKAGES)')

.PHONY: test
test: assets bin/sluice bin/helm bin/postgres ## Run all tests; builds what they need first.
	go test -timeout $(TEST_TIMEOUT) $(LONGEST_PACKAGES) ./...

.PHONY: test-crash
test-crash: assets bin/sluice ## Kill the operator 200 times, the same with leases, then put a bad network before it. SEED= repeats a run.
	go test ./test/crash -count=1 -v -timeout 40m -crash.kills=200 -crash.objects=100 -crash.disturbed=1m \
		$(if $(SEED),-crash.seed=$(SEED))

# Steps are chosen with ONLY=cold,restart; PROFILE=folder keeps profiles of the operator; BENCH_FLAGS= takes the other flags.
N ?= 5000
BENCH = go run ./test/bench -n $(N) $(if $(PROFILE),-profile $(PROFILE)) $(BENCH_FLAGS)

.PHONY: bench
bench: assets bin/sluice ## Measure the operator with N (5000) ExternalSecrets, against a bare client. The figures also go to bin/bench.json.
	$(BENCH) -json bin/bench.json $(if $(ONLY),-only $(ONLY))

.PHONY: bench-leak
bench-leak: assets bin/sluice ## Look for leaks for CHURN (1h): sources change, objects come and go, and the heap is looked at.
	$(BENCH) -churn $(or $(CHURN),1h)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (1m) each, guided by coverage.
	@hack/fuzz $(FUZZTIME)

.PHONY: fuzz-short
fuzz-short: ## Run every fuzz target on 10,000 inputs, without compiling everything anew to guide it.
	@hack/fuzz 10000x unguided

##@ Check

.PHONY: fmt
fmt: ## Format all Go files.
	$(GOLANGCI_LINT) fmt

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: lint
lint: ## Run golangci-lint, formatting included.
	$(GOLANGCI_LINT) run ./...

.PHONY: verify
verify: verify-generated verify-modules ## Check that generated files and go.mod files are in step.

.PHONY: verify-generated
verify-generated: ## Check deep copies, CRDs and docs/reference against a fresh generation in a copy.
	@copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; \
	cp -R Makefile go.mod go.sum apis docs hack "$$copy"; \
	find "$$copy" '(' -name 'zz_generated.*' -o -path '*/docs/reference/*.io.md' ')' -delete; \
	$(MAKE) --silent --no-print-directory -C "$$copy" generate; \
	for folder in apis config/crd/bases docs/reference; do \
		diff -r "$$folder" "$$copy/$$folder" || { echo 'generated files are not in step with apis/: run make generate' >&2; exit 1; }; \
	done

.PHONY: verify-modules
verify-modules: ## Check that go.mod and go.sum of every module are tidy.
	go mod tidy -diff
	cd test/controlplane && go mod tidy -diff
	cd test/gitops && go mod tidy -diff
	cd hack/tools && go mod tidy -diff
	cd hack/tools && go mod tidy -diff -modfile=golangci-lint.mod

##@ Test tools

# Whoever sets KUBEBUILDER_ASSETS brings the control plane along.
.PHONY: assets
assets: $(if $(KUBEBUILDER_ASSETS),,controlplane)

KUBERNETES_VERSION := v1.37.2
COMPONENTS := etcd kube-apiserver kube-controller-manager kubectl
VERSION_PACKAGE := k8s.io/component-base/version
CONTROLPLANE_LDFLAGS := -s -w -X $(VERSION_PACKAGE).gitVersion=$(KUBERNETES_VERSION) \
	-X $(VERSION_PACKAGE).gitMajor=1 -X $(VERSION_PACKAGE).gitMinor=37

.PHONY: controlplane
controlplane: bin/controlplane/controlplane ## Build etcd, kube-apiserver, kube-controller-manager and kubectl (the first time takes minutes).

bin/controlplane/controlplane: $(wildcard test/controlplane/*)
	@hack/go-build $@ test/controlplane . -ldflags '$(CONTROLPLANE_LDFLAGS)'
	@for component in $(COMPONENTS); do ln -sf controlplane $(@D)/$$component; done
	@touch $@

bin/helm: $(wildcard test/gitops/go.*) ## Build the real Helm, for the tests that render charts.
	@hack/go-build $@ test/gitops helm.sh/helm/v4/cmd/helm -ldflags '-s -w'
	@touch $@

bin/postgres: ## Link the PostgreSQL of this machine, for the tests. Where there is none, root on Debian installs it.
	@hack/postgres $@

##@ Cluster (the one that kubectl points at)

.PHONY: install
install: ## Install the CRDs.
	$(KUBECTL) apply -k config/crd

.PHONY: uninstall
uninstall: ## Remove the CRDs and with them every object of their kinds.
	$(KUBECTL) delete -k config/crd --ignore-not-found

.PHONY: deploy
deploy: ## Install the CRDs and the operator.
	$(KUBECTL) apply -k config/default

.PHONY: undeploy
undeploy: ## Remove the operator and the CRDs.
	$(KUBECTL) delete -k config/default --ignore-not-found
