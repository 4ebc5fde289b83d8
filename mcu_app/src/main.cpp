/** BitMar Edge on a microcontroller: board, model, card, console. */
#include "app/card.h"
#include "app/console.h"
#include "app/output.h"
#include "app/session.h"
#include "bitmar_model.h"
#include "board.h"
#include "engine.h"

extern "C" int bitmar_main(int argc, char** argv) {
  using bitmar::put;
  board_open(argc, argv);
  put("BitMar Edge: " BITMAR_MODEL_NAME " " BITMAR_MODEL_DIGEST " on ");
  put(board_name());
  put(", engine ");
  put(engine_name());
  put("\n");
  if (const char* problem = bitmar::inference_open()) {
    put("error: ");
    put(problem);
    put("\n");
    for (;;) board_rest(1);
  }
  for (;;) {
    if (!bitmar::card_open()) put("error: no room for the memory\n");
    const int code = bitmar::memory() ? bitmar::console_run() : 1;
    bitmar::card_close();
    board_rest(code);
  }
}

#ifndef ARDUINO
int main(int argc, char** argv) { return bitmar_main(argc, argv); }
#endif
