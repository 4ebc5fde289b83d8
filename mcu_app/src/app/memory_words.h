/** The words about the memory itself: forget, rename, mem show|verify|prune|history|undo|restore|diff. */
#pragma once
#include "session.h"

namespace bitmar {

Problem forget(char* name, bool json);
Problem rename(char* old_name, char* new_name, bool json);
Problem mem_show(bool json);
Problem mem_verify(bool json);
Problem mem_prune(const char* importance, bool json);
Problem mem_history(bool json);
Problem mem_undo(const char* writes, bool json); /* nullptr: one */
Problem mem_restore(const char* state, bool json);
Problem mem_diff(const char* state, const char* other, bool json);

}  // namespace bitmar
