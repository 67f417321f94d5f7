#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using ::testing::HasSubstr;

const std::string kModel = shipped_model();

TEST(GoldenBackend, IsAsGoodAsTheReferenceAndTheSameOnAnyThreads) {
  const std::string& model = accelerator_model();
  const auto perplexity = [&](const std::string& backend, const std::string& threads) {
    return lightmamba_json({"perplexity", model, "--file", kModel + "/calibration.txt",
                            "--max-tokens", "500", "--backend", backend, "--threads", threads});
  };
  const double expected = perplexity("reference", "2")["perplexity"].get<double>();
  const nlohmann::json golden = perplexity("golden", "2");
  // Over so few tokens, roundings that fall the other way do not average out.
  EXPECT_NEAR(golden["perplexity"].get<double>(), expected, 0.02 * expected);
  EXPECT_EQ(golden, perplexity("golden", "1"));
}

TEST(GoldenBackend, SaysWhyItCannotRunAModel) {
  EXPECT_THAT(failure({"generate", kModel, "--prompt", "A", "--backend", "golden"}, 1),
              HasSubstr("the accelerator cannot run this model: the weights are floats"));
}

}  // namespace
}  // namespace lightmamba::test
