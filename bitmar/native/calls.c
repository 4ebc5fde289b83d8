#include "calls.h"

#include <stdlib.h>

Calls* calls_of(TflContext* context) {
  TflIntArray* plan;
  if (context->GetExecutionPlan(context, &plan)) return NULL;
  Calls* found = malloc(sizeof *found + sizeof(Call) * (size_t)plan->size);
  if (!found) return NULL;
  found->context = context;
  found->count = plan->size;
  for (int i = 0; i < plan->size; ++i) {
    TflNode* node;
    TflRegistration* registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration) ||
        !registration->invoke) {
      free(found);
      return NULL;
    }
    found->calls[i] = (Call){node, registration->invoke};
  }
  return found;
}
