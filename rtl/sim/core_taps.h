// What units of the core give, one value after the other, in the order of the golden model.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "accel/numerics/trace.h"
#include "accel/program/image.h"

namespace lightmamba::accel {

class CoreTaps {
 public:
  explicit CoreTaps(const Image& image);

  void begin_token();
  // The fields of the next value of a unit; with the last of a layer, `trace` gets them all.
  void add(TraceUnit unit, std::span<const std::int64_t> fields, const Trace& trace);
  // What has come of layers that are not complete, with kNotGiven for the rest.
  void flush(const Trace& trace);
  // "blocks 17 of 384 of layer 3, ...", for a core that is stuck.
  std::string text() const;

 private:
  struct Tap {
    std::string_view name;
    std::int64_t fields = 1;          // of a value
    std::int64_t size = 0;            // values of a layer
    std::vector<std::int64_t> order;  // golden place of the values as they come; empty: the same
    std::int64_t first_layer = 0;
    std::int64_t layer = 0;
    std::int64_t count = 0;  // values of `layer` that have come
    std::vector<std::int64_t> values = {};
  };

  Tap& tap(TraceUnit unit) { return taps_[static_cast<std::size_t>(unit)]; }

  std::array<Tap, 8> taps_;
};

}  // namespace lightmamba::accel
