// Running a program as a user does, and seeing all that it says.
#pragma once

#include <string>
#include <vector>

namespace lightmamba::test {

struct ProcessResult {
  int exit_code = -1;  // -1: ended by a signal
  std::string out;
  std::string err;
};

struct ProcessOptions {
  std::string input = {};                     // standard input
  std::string output_file = {};               // where standard output goes instead of `out`
  std::string error_file = {};                // where standard error goes instead of `err`
  std::vector<std::string> environment = {};  // NAME=VALUE, added to this process's own
};

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options = {});

}  // namespace lightmamba::test
