// Runs another program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lightmamba {

struct ProgramResult {
  int exit_code = -1;  // -1 if it was ended by a signal
  std::string out;     // standard output
  std::string err;     // standard error
};

// Starts words[0], looked up in PATH, with the words as its arguments (no shell), hands it `input`
// on its standard input, and waits for its end. A program that leaves input unread is no error.
// Throws Error if it cannot be started; `where_to_get_it` then ends the message.
ProgramResult run_program(const std::vector<std::string>& words, std::string_view input,
                          std::string_view where_to_get_it);

}  // namespace lightmamba
