#include "base/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace lightmamba {
namespace {

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string progress_line(std::string_view label, std::string_view unit, std::int64_t done,
                          std::int64_t total, double seconds) {
  constexpr int kWidth = 30;
  const double share =
      total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total)) : 1.0;
  const auto filled = static_cast<std::size_t>(share * kWidth);
  std::string line = fmt::format("{} [{:<{}}] {}/{} {}", label, std::string(filled, '='), kWidth,
                                 done, total, unit);
  if (done <= 0 || seconds <= 0) return line;
  const auto finished = static_cast<double>(done);
  const double left =
      seconds * static_cast<double>(std::max(std::int64_t{0}, total - done)) / finished;
  return line + fmt::format("  {:.1f}/s  {} left", finished / seconds, duration_text(left));
}

ProgressBar::ProgressBar(std::string label, std::string unit, bool enabled)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      enabled_(enabled && ::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      last_(start_) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputc('\n', stderr);
}

void ProgressBar::restart(std::string label) {
  label_ = std::move(label);
  start_ = Clock::now();
}

void ProgressBar::update(std::int64_t done, std::int64_t total) {
  if (!enabled_) return;
  const Clock::time_point now = Clock::now();
  if (done < total && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;

  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string line =
      fmt::format("\r{} \x1b[K", progress_line(label_, unit_, done, total, seconds));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace lightmamba
