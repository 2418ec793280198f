# A thin front of CMake: `make` installs what is missing and builds, `make help` lists the targets.
FUZZ_SECONDS ?= 60
werror := $(if $(filter true,$(CI)),ON,OFF)

.PHONY: all build deps developer-deps test demo accuracy procedures verify sweep-stress cluster-check install asan tsan fuzz tidy format clean help
all: build

deps: ; @tools/install-deps
developer-deps: ; @tools/install-deps --developer --aarch64

build: deps
	@mkdir -p build
	@cmake --preset release -DLOWBIT_WERROR=$(werror) >build/configure.log 2>&1 \
	    || { cat build/configure.log; exit 1; }
	@cmake --build --preset release

test: build
	@tools/run_tests.py build

demo: build
	@build/bin/lowbit demo

accuracy: build
	@bench/accuracy.py

procedures: build
	@bench/procedures.py

verify: build
	@bench/verify_networks.py

sweep-stress: build
	@bench/sweep_stress.py

cluster-check: build
	@tools/install-deps --cluster
	@tools/check_cluster build/bin/lowbit

install: build
	@cmake --install build

asan: deps
	@cmake --preset asan >/dev/null && cmake --build --preset asan
	@tools/run_tests.py build-asan

tsan: developer-deps
	@cmake --preset tsan >/dev/null && cmake --build --preset tsan
	@tools/run_tests.py build-tsan -L '^tsan$$'

fuzz: developer-deps
	@cmake --preset fuzz >/dev/null && cmake --build --preset fuzz
	@tools/run_fuzzers build-fuzz $(FUZZ_SECONDS)

tidy: developer-deps
	@cmake --preset tidy >/dev/null && cmake --build --preset tidy

format: developer-deps
	@find src include tests fuzz examples -name '*.[ch]' -exec clang-format -i {} +

clean:
	@rm -rf build build-asan build-tsan build-fuzz build-tidy

help:
	@echo 'make            install missing Debian packages, build; the command is build/bin/lowbit'
	@echo 'make deps       install missing Debian packages only'
	@echo 'make developer-deps  these and those of tsan, fuzz, tidy, format and tools/check_aarch64'
	@echo 'make demo       build, then train small networks on synthetic digits'
	@echo 'make test       build, then run the whole test suite'
	@echo 'make accuracy   build, then the accuracy table of docs/accuracy.md on real data (hours; resumable)'
	@echo 'make procedures build, then training in several stages (SYQ, RPR, IMPQ, pruning) on real data (hours; resumable)'
	@echo 'make verify     build, then twelve trained networks against their packed files, on all test images (real data)'
	@echo 'make sweep-stress   build, then a sweep of 1,000 cells whose workers, and which itself, are killed at random'
	@echo 'make cluster-check  build, then sweeps on a Slurm of one node that is started for it (root)'
	@echo 'make install    install; prefix /usr/local, or as set by cmake -B build -DCMAKE_INSTALL_PREFIX=...'
	@echo 'make asan       the test suite under the address and undefined behaviour sanitizers'
	@echo 'make tsan       the tests labelled tsan under the thread sanitizer'
	@echo 'make fuzz       every fuzz target for FUZZ_SECONDS (60) seconds'
	@echo 'make tidy       clang-tidy on every file'
	@echo 'make format     clang-format on every file'
	@echo 'make clean      remove the build folders'
