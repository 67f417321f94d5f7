// Throwing lightmamba::Error, and adding context to one that passes by.
#pragma once

#include <filesystem>
#include <fmt/format.h>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <lightmamba/error.h>

namespace lightmamba {

template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

// Returns the system's message for a value of errno.
inline std::string system_message(int error) { return std::generic_category().message(error); }

inline void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Stopped();
}

// Runs `body` and puts "context: " in front of an Error that leaves it, unless that is Stopped.
template <typename Body>
decltype(auto) with_context(std::string_view context, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Stopped&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", context, error.what()));
  }
}

}  // namespace lightmamba

template <>
struct fmt::formatter<std::filesystem::path> : fmt::formatter<std::string> {
  template <typename Context>
  auto format(const std::filesystem::path& path, Context& context) const {
    return fmt::formatter<std::string>::format(path.string(), context);
  }
};
