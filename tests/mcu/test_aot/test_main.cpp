/** See cases.c. */
#include "../run_cases.h"
