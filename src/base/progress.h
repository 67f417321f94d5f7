// Progress of long work, on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace lightmamba {

// Called with the units done so far and the total.
using ProgressFn = std::function<void(std::int64_t done, std::int64_t total)>;

// Returns the text of a bar after `seconds`: bar, units, rate and an estimate of the time left at
// the rate so far. There is no estimate until something is done.
std::string progress_line(std::string_view label, std::string_view unit, std::int64_t done,
                          std::int64_t total, double seconds);

// A bar with rate and remaining time, redrawn in place; silent unless standard error is a terminal
// and `enabled`. The destructor ends the line.
class ProgressBar {
 public:
  ProgressBar(std::string label, std::string unit, bool enabled = true);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Starts again with another label, in the same line.
  void restart(std::string label);
  const std::string& label() const { return label_; }

  void update(std::int64_t done, std::int64_t total);
  ProgressFn callback() {
    return [this](std::int64_t done, std::int64_t total) { update(done, total); };
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  std::string unit_;
  bool enabled_;
  bool drawn_ = false;
  Clock::time_point start_;
  Clock::time_point last_;
};

}  // namespace lightmamba
