#include <gtest/gtest.h>

#include "Vrescale.h"
#include "accel/numerics/fixed_point.h"
#include "bits.h"

namespace lightmamba::accel {
namespace {

TEST(RescaleRtl, EqualsGolden) {
  Vrescale unit;
  RandomNumbers random(1);
  for (int i = 0; i < 200'000; ++i) {
    const std::int64_t x = random.number(48);
    const std::int64_t shift = random.number(8);
    unit.x_i = low_bits(x, 48);
    unit.shift_i = static_cast<std::uint8_t>(low_bits(shift, 8));
    unit.eval();
    ASSERT_EQ(sign_extend(unit.y_o, 26), rescale(x, static_cast<int>(shift), 26))
        << x << " >> " << shift;
  }
}

}  // namespace
}  // namespace lightmamba::accel
