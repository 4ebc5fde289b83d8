/** Lines in, answers out. A line that begins with `!` is answered with one JSON object on one line. */
#pragma once

namespace bitmar {

/** Reads and answers until `quit` or the end of input; returns the exit code. */
int console_run();

}  // namespace bitmar
