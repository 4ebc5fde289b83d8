/** I don't know: the model's criterion. */
#pragma once
#include "memstore.h"

namespace bitmar {

/** An ms_verdict on the best slot for a query; -1: the model has no criterion. */
int judge(const ms_memory* memory, const int8_t* query, const ms_nearest_slot* nearest);

}  // namespace bitmar
