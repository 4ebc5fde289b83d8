# The library's sources and flags, for any makefile: include kernels/build.mk with KERNELS = path of this folder.
# Files of another architecture compile to nothing.
KERNELS ?= kernels
BM_SOURCES := $(sort $(wildcard $(KERNELS)/src/*.c $(KERNELS)/arm64/*.c $(KERNELS)/cortex_m7/*.c $(KERNELS)/x86/*.c))
BM_CFLAGS := -std=c11 -O3 -ffp-contract=off -fno-math-errno -Wall -Wextra -Werror -I$(KERNELS)/include
