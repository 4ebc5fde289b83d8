#include "internal.h"

float bm_exp32(float x) { return bm_exp32_inline(x); }
