/** Text through the console's printers, each in a buffer of its exact size: for sanitizers.
 *
 *    print_text SEED < lines        a line is text in hex; answers with three lines in hex: as a terminal
 * gets it at once, the same in pieces of random length, and between the quotes of a JSON string */
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "board.h"
#include "text.h"

static std::string written;
extern "C" void board_write(const char* text, uint32_t bytes) { written.append(text, bytes); }

static void show() {
  static std::string hex;
  hex.clear();
  for (unsigned char byte : written)
    hex += "0123456789abcdef"[byte >> 4], hex += "0123456789abcdef"[byte & 15];
  std::cout << hex << '\n';
  written.clear();
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::mt19937 random_bits(static_cast<unsigned>(std::atoi(argv[1])));
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<char> text;
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      text.push_back(static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16)));
    text.shrink_to_fit();
    const auto bytes = static_cast<uint32_t>(text.size());
    bitmar::TextStream whole, pieces;
    whole.write(text.data(), bytes);
    whole.end();
    show();
    for (uint32_t at = 0; at < bytes;) {
      const uint32_t length = std::min<uint32_t>(static_cast<uint32_t>(random_bits() % 4), bytes - at);
      const std::vector<char> piece(text.begin() + at, text.begin() + at + length);
      pieces.write(piece.data(), length);
      at += length;
    }
    pieces.end();
    show();
    bitmar::put_json_text(text.data(), bytes);
    show();
  }
}
