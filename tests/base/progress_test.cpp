#include "base/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lightmamba {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProgressLine, ShowsHowFarTheWorkIs) {
  const std::string line = progress_line("quantize", "parts", 3, 10, 6.0);
  EXPECT_EQ(line, "quantize [" + std::string(9, '=') + std::string(21, ' ') +
                      "] 3/10 parts  0.5/s  14 s left");
}

TEST(ProgressLine, EstimatesTheTimeLeftFromTheRateSoFar) {
  const auto after = [](std::int64_t done, double seconds) {
    return progress_line("text", "tokens", done, 40'000, seconds);
  };
  EXPECT_THAT(after(20'000, 59.0), HasSubstr("  59 s left"));
  EXPECT_THAT(after(10'000, 25.0), HasSubstr("  1 min 15 s left"));
  EXPECT_THAT(after(4'000, 500.0), HasSubstr("  1 h 15 min left"));
  EXPECT_THAT(after(40'000, 90.0), HasSubstr("  0 s left"));
  EXPECT_THAT(after(0, 5.0), Not(HasSubstr("left")));
  EXPECT_THAT(progress_line("none", "parts", 0, 0, 0.0), HasSubstr("0/0 parts"));
}

}  // namespace
}  // namespace lightmamba
