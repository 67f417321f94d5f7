#include <filesystem>

#include "eval/roofline_picture.h"
#include "eval/timeline_picture.h"
#include "support/errors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

// Ten layers' worth of buckets, in which the SSM unit works now and then.
accel::LayerTimeline timeline() {
  accel::ActivityRecorder recorder(0);
  for (int i = 0; i < 2000; ++i) {
    accel::Begins begins = accel::Begins::none;
    if (i == 100) begins = accel::Begins::in_proj;
    if (i == 1500) begins = accel::Begins::out_proj;
    recorder.add({.begins = begins, .units = i / 50 % 2 == 0 ? 4U : 1U});
  }
  return recorder.timeline();
}

TEST(TimelinePicture, HasARowForEachUnitWithItsShare) {
  const test::TemporaryFolder folder;
  draw_timeline(timeline(), "the title", folder / "a.svg");
  const std::string svg = test::read_file(folder / "a.svg");
  for (const accel::UnitName& unit : accel::kUnits) {
    EXPECT_THAT(svg, HasSubstr(std::string(unit.title)));
  }
  EXPECT_THAT(svg, HasSubstr("the title"));
  EXPECT_THAT(svg, HasSubstr("out_proj"));
  EXPECT_THAT(svg, HasSubstr("50 %"));
  EXPECT_THAT(svg, HasSubstr("</svg>"));
  draw_timeline(timeline(), "the title", folder / "a.png");
  EXPECT_TRUE(test::read_file(folder / "a.png").starts_with("\x89PNG"));
}

TEST(RooflinePicture, IsBelowThePeakAndTheMemory) {
  accel::Usage usage;
  usage.counters.cycles = 1000;
  usage.counters.mmu_busy = 250;
  usage.traffic.weights = 6000;
  usage.traffic.conv_state = 2000;
  const accel::Hardware& hardware = accel::hardware_preset("vck190");
  const Roofline roofline = make_roofline(hardware, usage, 30);
  EXPECT_DOUBLE_EQ(roofline.peak, 128);
  EXPECT_DOUBLE_EQ(roofline.operations_per_cycle, 32);
  EXPECT_DOUBLE_EQ(roofline.operations_per_byte, 4);
  EXPECT_DOUBLE_EQ(roofline.limit(4), 120);
  EXPECT_DOUBLE_EQ(roofline.limit(5), 128);
  EXPECT_DOUBLE_EQ(make_roofline(hardware, usage, 0).limit(1e-3), 128);

  const test::TemporaryFolder folder;
  draw_roofline(roofline, "the title", folder / "a.svg");
  EXPECT_THAT(test::read_file(folder / "a.svg"), HasSubstr("memory: 30 bytes per cycle"));
  draw_roofline(make_roofline(hardware, usage, 0), "the title", folder / "b.svg");
  const std::string without_memory = test::read_file(folder / "b.svg");
  EXPECT_THAT(without_memory, HasSubstr("measured: 32 of 128"));
  EXPECT_THAT(without_memory, testing::Not(HasSubstr("bytes per cycle")));
}

}  // namespace
}  // namespace lightmamba
