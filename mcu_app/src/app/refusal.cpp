#include "refusal.h"

#include "bitmar_kernels.h"
#include "bitmar_model.h"

namespace bitmar {

#if BITMAR_COHORT_ROWS
/* The processor's products: in plain C they take four times the instructions, a third of an answer. */
static void dots(const int8_t* a, const int8_t* b, const int8_t* rows, uint32_t count, uint32_t dim,
                 int32_t* with_a, int32_t* with_b) {
  bm_dots(a, b, rows, static_cast<int32_t>(count), static_cast<int32_t>(dim), with_a, with_b);
}
#endif

int judge(const ms_memory* memory, const int8_t* query, const ms_nearest_slot* nearest) {
#if BITMAR_COHORT_ROWS
  static const ms_refusal refusal = {
      bitmar_cohort,       BITMAR_COHORT_ROWS, BITMAR_COHORT_TOP,   BITMAR_WEIGHTS,        BITMAR_BIAS,
      BITMAR_OTHERS_ALONE, BITMAR_KNOWN_FROM,  BITMAR_PERHAPS_FROM, bitmar_cohort_squares, dots};
  float value;
  return ms_judge(memory, query, nearest, &refusal, &value);
#else
  (void)memory, (void)query, (void)nearest;
  return -1;
#endif
}

}  // namespace bitmar
