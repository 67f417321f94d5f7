// The one exception type that leaves this library, apart from std::bad_alloc.
#pragma once

#include <stdexcept>
#include <string>

#include <lightmamba/export.h>

namespace lightmamba {

// The message tells the user what went wrong: the file, the field or tensor, what was found and
// what was expected. Functions that the exception passes put their context in front of it.
class LIGHTMAMBA_EXPORT Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

// Thrown by a function whose std::stop_token asked it to end early. Functions with a stop token
// look at it between steps of their work and leave no incomplete file behind.
class LIGHTMAMBA_EXPORT Stopped : public Error {
 public:
  Stopped() : Error("stopped") {}
};

}  // namespace lightmamba
