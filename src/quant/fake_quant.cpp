#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>

#include <lightmamba/fake_quant.h>

#include "base/fail.h"
#include "base/threads.h"
#include "base/utf8.h"
#include "base/wide.h"
#include "quant/power_of_two.h"
#include "quant/range.h"
#include "quant/rounding.h"

namespace lightmamba {
namespace {

struct Grid {
  float scale;
  float lowest;  // codes, relative to the zero point
  float highest;
};

Grid make_grid(const Quantizer& q, Range range) {
  const auto half = static_cast<float>(1 << (q.bits - 1));
  const auto rounded_up = [&](float scale) {
    return q.power_of_two ? power_of_two_at_least(scale) : scale;
  };
  if (!q.symmetric) {
    const float levels = 2 * half - 1;
    const float scale = rounded_up(q.clip * (range.high - range.low) / levels);
    const float zero_point =
        std::clamp(round_to_even(-q.clip * range.low * (1.0F / scale)), 0.0F, levels);
    return {scale, -zero_point, levels - zero_point};
  }
  if (!q.full_range)
    return {rounded_up(q.clip * range.magnitude() / (half - 1)), 1 - half, half - 1};
  const float scale = rounded_up(q.clip * range.magnitude() / half);
  return {-range.low >= range.high ? scale : -scale, -half, half - 1};
}

void quantize_group(const Quantizer& q, std::span<float> values) {
  const Range range = range_of(values);
  if (range.is_nan()) {
    std::fill(values.begin(), values.end(), std::numeric_limits<float>::quiet_NaN());
    return;
  }
  if (range.is_zero()) {
    std::fill(values.begin(), values.end(), 0.0F);
    return;
  }
  const Grid grid = make_grid(q, range);
  const float inverse = 1.0F / grid.scale;
  with_wide_vectors([&]() LIGHTMAMBA_WIDE {
    const Grid g = grid;
#pragma omp simd
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float code = std::min(std::max(values[i] * inverse, g.lowest), g.highest);
      values[i] = round_to_even(code) * g.scale;
    }
  });
}

void validate(const Quantizer& q) {
  if (q.bits < 2 || q.bits > 16) fail("quantizer: bits must be 2 to 16, but are {}", q.bits);
  if (q.group < 0) fail("quantizer: the group must not be negative, but is {}", q.group);
  if (q.full_range && !q.symmetric) fail("quantizer: full range is for symmetric codes");
  if (!(q.clip > 0 && q.clip <= 1)) {
    fail("quantizer: clip must be above 0 and at most 1, but is {}", q.clip);
  }
}

template <typename T>
bool read_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void fake_quantize(const Quantizer& quantizer, std::int64_t columns, std::span<float> values) {
  validate(quantizer);
  if (columns < 1 || std::ssize(values) % columns != 0) {
    fail("quantizer: {} values are not whole rows of {}", values.size(), columns);
  }
  const std::int64_t group = quantizer.group == 0 ? columns : std::min(quantizer.group, columns);
  parallel_for(std::ssize(values) / columns, 4 * columns, [&](std::int64_t row) {
    for (std::int64_t begin = 0; begin < columns; begin += group) {
      quantize_group(quantizer,
                     values.subspan(static_cast<std::size_t>(row * columns + begin),
                                    static_cast<std::size_t>(std::min(group, columns - begin))));
    }
  });
}

TapFn quantizing_tap(const Quantizer& quantizer) {
  validate(quantizer);
  return
      [quantizer](const TapValue& value) { fake_quantize(quantizer, value.columns, value.data); };
}

Quantizer parse_quantizer(std::string_view text) {
  Quantizer quantizer;
  std::string_view rest = text;
  for (int part = 0; part == 0 || !rest.empty(); ++part) {
    const std::size_t end = rest.find(':');
    const std::string_view piece = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const bool known = part == 0                    ? read_number(piece, quantizer.bits)
                       : piece == "pot"             ? (quantizer.power_of_two = true)
                       : piece == "asym"            ? !(quantizer.symmetric = false)
                       : piece == "full"            ? (quantizer.full_range = true)
                       : piece.starts_with("clip=") ? read_number(piece.substr(5), quantizer.clip)
                                                    : read_number(piece, quantizer.group);
    if (!known) {
      fail("quantizer '{}': '{}' is not part of BITS[:GROUP][:pot][:asym][:full][:clip=X]",
           printable(text), printable(piece));
    }
  }
  with_context(fmt::format("'{}'", printable(text)), [&] { validate(quantizer); });
  return quantizer;
}

std::string quantizer_text(const Quantizer& q) {
  return fmt::format("{}:{}{}{}{}{}", q.bits, q.group, q.power_of_two ? ":pot" : "",
                     q.symmetric ? "" : ":asym", q.full_range ? ":full" : "",
                     q.clip == 1.0F ? std::string() : fmt::format(":clip={}", q.clip));
}

}  // namespace lightmamba
