#include "refusal.h"

#include "bitmar_model.h"

namespace bitmar {

int judge(const ms_memory* memory, const int8_t* query, const ms_nearest_slot* nearest) {
#if BITMAR_COHORT_ROWS
  static const ms_refusal refusal = {bitmar_cohort,     BITMAR_COHORT_ROWS, BITMAR_COHORT_TOP,
                                     BITMAR_WEIGHTS,    BITMAR_BIAS,        BITMAR_OTHERS_ALONE,
                                     BITMAR_KNOWN_FROM, BITMAR_PERHAPS_FROM};
  float value;
  return ms_judge(memory, query, nearest, &refusal, &value);
#else
  (void)memory, (void)query, (void)nearest;
  return -1;
#endif
}

}  // namespace bitmar
