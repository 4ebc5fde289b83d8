/** The words about the memory itself: forget, rename, mem show|verify|prune|snapshot|history|restore. */
#pragma once
#include "session.h"

namespace bitmar {

Problem forget(char* name, bool json);
Problem rename(char* old_name, char* new_name, bool json);
Problem mem_show(bool json);
Problem mem_verify(bool json);
Problem mem_prune(const char* importance, bool json);
Problem mem_snapshot(bool json);
Problem mem_history(bool json);
Problem mem_restore(const char* state, bool json);

}  // namespace bitmar
