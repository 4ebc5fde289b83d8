/** A suite is a list of cases; each computes something from fixed inputs and returns a checksum. The host's
 * compiler builds the same cases (host_cases.py): its checksums are what the board must reach. 0 means that
 * the case itself failed. */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const char* name;
  uint32_t (*run)(void);
} mcu_case;

extern const mcu_case cases[];
extern const int case_count;

/** FNV-1a, continued from `hash` (CASES_SEED to begin). */
#define CASES_SEED 2166136261u
static inline uint32_t case_hash(uint32_t hash, const void* data, uint32_t bytes) {
  const uint8_t* byte = (const uint8_t*)data;
  for (uint32_t i = 0; i < bytes; i++) hash = (hash ^ byte[i]) * 16777619u;
  return hash;
}

/** A seeded sequence (Marsaglia's xorshift32). */
static inline uint32_t case_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

#ifdef __cplusplus
}
#endif
