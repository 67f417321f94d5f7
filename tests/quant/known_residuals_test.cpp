#include "quant/known_residuals.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <span>
#include <vector>

#include "support/quantized.h"

namespace lightmamba {
namespace {

using test::load_random_model;
using test::prefill_logits;
using test::random_tokens;

QuantizeOptions options_for(Method method, const Scheme& scheme) {
  return {.method = method,
          .scheme = scheme,
          .group = 16,
          .gptq = true,
          .calibration = random_tokens(90, 37, 9),
          .calibration_window = 32};
}

TEST(KnownResiduals, ChangeNoResult) {
  const Model model = load_random_model();
  const std::vector<TokenId> tokens = random_tokens(40, 37);
  std::vector<QuantizeOptions> runs = {
      options_for(Method::lightmamba, {8, 8}), options_for(Method::lightmamba, {4, 4}),
      options_for(Method::lightmamba, {4, 4}), options_for(Method::lightmamba, {4, 4}),
      options_for(Method::lightmamba, {4, 4}), options_for(Method::os_plus, {4, 4}),
      options_for(Method::os_plus, {8, 8}),    options_for(Method::rtn, {4, 4}),
      options_for(Method::lightmamba, {4, 8})};
  runs[1].ssm = SsmFormat::pot8;
  runs[2].seed = 3;
  runs[3].calibration.resize(70);
  runs[4].calibration_window = 16;
  runs[6].clip = true;
  KnownResiduals known;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(prefill_logits(quantize(model, runs[i], known).model, tokens),
              prefill_logits(quantize(model, runs[i]).model, tokens));
  }
}

TEST(KnownResiduals, AreTakenFromAnEarlierRun) {
  const Model model = load_random_model();
  const std::vector<TokenId> tokens = random_tokens(40, 37);
  const QuantizeOptions options = options_for(Method::lightmamba, {4, 4});
  KnownResiduals known;
  quantize(model, options, known);
  const std::span<const float> behind = known.behind(0);
  const std::vector<float> found(behind.begin(), behind.end());
  ASSERT_EQ(std::ssize(found), 90 * model.config().d_model);
  known.keep(0, std::vector<float>(found.size(), 1.0F));
  EXPECT_NE(prefill_logits(quantize(model, options, known).model, tokens),
            prefill_logits(quantize(model, options).model, tokens));
}

TEST(KnownResiduals, AreForgottenWhereTheyDoNotHold) {
  const KnownResiduals::Key key{Method::lightmamba, 1, {3, 5}, 32};
  const std::vector<float> residual = {1, 2, 3, 4};
  const auto is_kept = [&](const KnownResiduals::Key& next) {
    KnownResiduals known;
    known.select(key, 2, 4);
    known.keep(1, residual);
    EXPECT_TRUE(known.behind(0).empty());
    EXPECT_EQ(known.behind(1).size(), residual.size());
    known.select(next, 2, 4);
    return !known.behind(1).empty();
  };
  EXPECT_TRUE(is_kept(key));
  EXPECT_FALSE(is_kept({Method::rtn, 1, {3, 5}, 32}));
  EXPECT_FALSE(is_kept({Method::lightmamba, 2, {3, 5}, 32}));
  EXPECT_FALSE(is_kept({Method::lightmamba, 1, {3, 6}, 32}));
  EXPECT_FALSE(is_kept({Method::lightmamba, 1, {3, 5}, 16}));
}

TEST(KnownResiduals, AreNotKeptWhereTheyWouldTakeMoreThanAGigabyte) {
  const std::vector<float> residual = {1, 2, 3, 4};
  const auto is_kept = [&](std::int64_t layers, std::int64_t floats) {
    KnownResiduals known;
    known.select({Method::lightmamba, 1, {3, 5}, 32}, layers, floats);
    known.keep(0, residual);
    return !known.behind(0).empty();
  };
  EXPECT_TRUE(is_kept(16, std::int64_t{16} << 20));
  EXPECT_FALSE(is_kept(17, std::int64_t{16} << 20));
}

}  // namespace
}  // namespace lightmamba
