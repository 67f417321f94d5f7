#include "io/strided.h"

#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

#include "support/errors.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

class Strided : public ::testing::Test {
 protected:
  Strided() { std::iota(numbers_->begin(), numbers_->end(), 0); }

  Tensor make(const StridedLayout& layout) {
    return strided_tensor(DType::i32, layout, std::as_bytes(std::span(*numbers_)), numbers_,
                          budget_);
  }
  std::vector<std::int32_t> values(const StridedLayout& layout) {
    const Tensor tensor = make(layout);
    std::vector<std::int32_t> result(tensor.data.size() / sizeof(std::int32_t));
    if (!result.empty()) std::memcpy(result.data(), tensor.data.data(), tensor.data.size());
    return result;
  }
  bool is_view(const StridedLayout& layout) { return make(layout).owner == numbers_; }
  std::string error(const StridedLayout& layout) {
    return error_of([&] { make(layout); });
  }

  std::shared_ptr<std::vector<std::int32_t>> numbers_ =
      std::make_shared<std::vector<std::int32_t>>(24);
  std::size_t budget_ = 1000;
};

TEST_F(Strided, DenseOnesAreViews) {
  EXPECT_TRUE(is_view({.offset = 0, .shape = {2, 3, 4}, .strides = {12, 4, 1}}));
  EXPECT_TRUE(is_view({.offset = 8, .shape = {4, 4}, .strides = {4, 1}}));
  EXPECT_TRUE(is_view({.offset = 23, .shape = {}, .strides = {}}));
  EXPECT_TRUE(is_view({.offset = 3, .shape = {1, 3, 1}, .strides = {kHuge, 1, 0}}));
  EXPECT_THAT(values({.offset = 3, .shape = {1, 3, 1}, .strides = {kHuge, 1, 0}}),
              ElementsAre(3, 4, 5));
  EXPECT_EQ(budget_, 1000U);
}

TEST_F(Strided, OthersAreCopied) {
  const StridedLayout transposed = {.offset = 1, .shape = {3, 2}, .strides = {1, 3}};
  EXPECT_FALSE(is_view(transposed));
  EXPECT_THAT(values(transposed), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(values({.offset = 2, .shape = {2, 2}, .strides = {4, 1}}), ElementsAre(2, 3, 6, 7));
  EXPECT_THAT(values({.offset = 5, .shape = {4}, .strides = {0}}), ElementsAre(5, 5, 5, 5));
  EXPECT_THAT(values({.offset = 5, .shape = {2, 2}, .strides = {0, 1}}), ElementsAre(5, 6, 5, 6));
  EXPECT_THAT(values({.offset = 0, .shape = {2, 1, 2}, .strides = {1, kHuge, 12}}),
              ElementsAre(0, 12, 1, 13));
  EXPECT_THAT(values({.offset = 0, .shape = {2, 2, 2}, .strides = {1, 12, 4}}),
              ElementsAre(0, 4, 12, 16, 1, 5, 13, 17));
}

TEST_F(Strided, EmptyOnesMayLieAnywhere) {
  EXPECT_THAT(values({.offset = 100, .shape = {0, 3}, .strides = {3, 1}}), ElementsAre());
  EXPECT_THAT(values({.offset = 0, .shape = {5, 0, 5}, .strides = {kHuge, kHuge, kHuge}}),
              ElementsAre());
}

TEST_F(Strided, RefusesLayoutsThatLeaveTheStorage) {
  EXPECT_THAT(error({.offset = 0, .shape = {5, 5}, .strides = {5, 1}}),
              HasSubstr("shape [5, 5] with strides [5, 1] at offset 0 needs 25 elements, its "
                        "storage has 24"));
  EXPECT_THAT(error({.offset = 24, .shape = {}, .strides = {}}), HasSubstr("needs 25 elements"));
  EXPECT_THAT(error({.offset = kHuge, .shape = {1}, .strides = {1}}), HasSubstr("is too large"));
  EXPECT_THAT(error({.offset = 1, .shape = {2}, .strides = {kHuge}}), HasSubstr("is too large"));
  EXPECT_THAT(error({.offset = 0, .shape = {3, 3}, .strides = {kHuge / 2, kHuge / 2}}),
              HasSubstr("is too large"));
  EXPECT_THAT(error({.offset = 0, .shape = {kHuge}, .strides = {0}}), HasSubstr("is too large"));
}

TEST_F(Strided, RefusesNegativeNumbers) {
  EXPECT_THAT(error({.offset = -1, .shape = {1}, .strides = {1}}),
              HasSubstr("the storage offset -1 is negative"));
  EXPECT_THAT(error({.offset = 3, .shape = {2}, .strides = {-1}}),
              HasSubstr("strides [-1] have a negative number"));
  EXPECT_THAT(error({.offset = 0, .shape = {-2, -2}, .strides = {1, 1}}),
              HasSubstr("shape [-2, -2] has a negative dimension"));
  EXPECT_THAT(error({.offset = 0, .shape = {2}, .strides = {}}),
              HasSubstr("shape [2] and strides [] differ in length"));
}

TEST_F(Strided, CopiesStayWithinTheBudget) {
  make({.offset = 0, .shape = {200}, .strides = {0}});
  EXPECT_EQ(budget_, 200U);
  EXPECT_THAT(error({.offset = 0, .shape = {51}, .strides = {0}}),
              HasSubstr("would be copied to 204 bytes, out of proportion to the file"));
  EXPECT_EQ(budget_, 200U);
}

}  // namespace
}  // namespace lightmamba
