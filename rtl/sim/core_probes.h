// What units of the core give, one value after the other, in the order of the golden model.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "accel/image/image.h"
#include "accel/numerics/probe.h"

namespace lightmamba::accel {

class CoreProbes {
 public:
  explicit CoreProbes(const Image& image);

  void begin_token();
  // The fields of the next value of a unit; with the last of a layer, `probe` gets them all.
  void add(ProbePoint unit, std::span<const std::int64_t> fields, const Probe& probe);
  // Does the same for the next z of the blocks, which have a stream of their own.
  void add_z(std::span<const std::int64_t> fields, const Probe& probe);
  // What has come of layers that are not complete, with kNotGiven for the rest.
  void flush(const Probe& probe);
  // "blocks 17 of 384 of layer 3, ...", for a core that is stuck.
  std::string text() const;

 private:
  struct Values {
    std::string_view name;
    std::int64_t fields = 1;          // fields of a value
    std::int64_t size = 0;            // values of a layer
    std::vector<std::int64_t> order;  // golden place of the values as they come; empty: the same
    std::int64_t first_layer = 0;
    std::int64_t layer = 0;
    std::int64_t count = 0;    // values of `layer` that have come
    std::int64_t z_count = 0;  // likewise of z, the first in golden order
    std::vector<std::int64_t> values = {};
  };

  static void put(Values& to, std::int64_t place, std::span<const std::int64_t> fields);
  void end_if_complete(ProbePoint unit, const Probe& probe);
  Values& values_of(ProbePoint unit) { return values_[static_cast<std::size_t>(unit)]; }

  std::array<Values, 8> values_;
};

}  // namespace lightmamba::accel
