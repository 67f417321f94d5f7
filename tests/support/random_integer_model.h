// A small network of random numbers that the core can hold and whose values stay moderate.
#pragma once

#include <cstdint>

#include "accel/numerics/integer_model.h"

namespace lightmamba::test {

struct RandomIntegerModelOptions {
  std::int64_t n_layer = 2;
  std::int64_t d_model = 128;  // multiples of 128
  std::int64_t nheads = 4;     // even
  std::int64_t vocab_size = 37;
  int state_bits = 16;
  std::uint64_t seed = 1;
};

accel::IntegerModel random_integer_model(const RandomIntegerModelOptions& options = {});

}  // namespace lightmamba::test
