// The one exception type that leaves this library, apart from std::bad_alloc.
#pragma once

#include <stdexcept>
#include <string>

namespace lightmamba {

// The message tells the user what went wrong: the file, the field or tensor, what was found and
// what was expected. Layers that the exception passes put their context in front of it.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace lightmamba
