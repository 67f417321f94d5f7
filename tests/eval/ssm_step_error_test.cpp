#include "eval/ssm_step_error.h"

#include <cmath>
#include <cstring>

#include "eval/relative_error.h"
#include "io/safetensors.h"
#include "support/errors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

// A layer of 2 heads, headdim 3, d_state 4, whose y is right for its step.
std::vector<std::pair<std::string, std::vector<float>>> small_layer() {
  std::vector<std::pair<std::string, std::vector<float>>> tensors = {
      {"A", {-1.0F, -0.25F}}, {"D", {0.5F, 2.0F}}, {"dt_bias", {-2.0F, -3.0F}}};
  for (const std::string prefix : {"step.", "later."}) {
    std::vector<float> state(24);
    for (std::size_t i = 0; i < 24; ++i) state[i] = std::sin(static_cast<float>(i + prefix.size()));
    tensors.emplace_back(prefix + "x", std::vector<float>{0.5F, -1.0F, 2.0F, 0.25F, 1.0F, -3.0F});
    tensors.emplace_back(prefix + "B", std::vector<float>{1.0F, 0.1F, -0.5F, 2.0F});
    tensors.emplace_back(prefix + "C", std::vector<float>{0.3F, -1.0F, 0.7F, 0.2F});
    tensors.emplace_back(prefix + "state", state);
    tensors.emplace_back(prefix + "y", std::vector<float>(6));
    tensors.emplace_back(prefix + (prefix == "step." ? "dt" : "dt_raw"),
                         std::vector<float>{0.1F, 0.2F});
  }
  return tensors;
}

Shape shape_of(const std::string& name) {
  if (name.ends_with("state")) return {2, 3, 4};
  if (name.ends_with(".x") || name.ends_with(".y")) return {2, 3};
  return name.ends_with(".B") || name.ends_with(".C") ? Shape{4} : Shape{2};
}

void write(const std::filesystem::path& path,
           const std::vector<std::pair<std::string, std::vector<float>>>& values,
           const std::string& left_out = "", const std::string& reshaped = "") {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, numbers] : values) {
    if (name == left_out) continue;
    const Shape shape = name == reshaped ? Shape{1, std::ssize(numbers)} : shape_of(name);
    tensors.push_back({name, {DType::f32, shape, std::as_bytes(std::span(numbers)), nullptr}});
  }
  write_safetensors(path, {}, tensors);
}

TEST(SsmTensors, AreReadWithTheirDecays) {
  const test::TemporaryFolder folder;
  write(folder / "layer", small_layer());
  const SsmTensors tensors = read_ssm_tensors(folder / "layer");
  EXPECT_EQ(tensors.nheads, 2);
  EXPECT_EQ(tensors.headdim, 3);
  EXPECT_EQ(tensors.d_state, 4);
  EXPECT_NEAR(tensors.step.complement[1], 1 - std::exp(-0.25 * 0.2), 1e-8);
  EXPECT_NEAR(tensors.later.dt[0], std::log1p(std::exp(0.1 - 2.0)), 1e-6);
  EXPECT_NEAR(tensors.later.complement[0], 1 - std::exp(-std::log1p(std::exp(0.1 - 2.0))), 1e-6);
}

TEST(SsmTensors, NamesWhatIsMissingOrMisshapen) {
  const test::TemporaryFolder folder;
  write(folder / "missing", small_layer(), "later.C");
  EXPECT_THAT(test::error_of([&] { read_ssm_tensors(folder / "missing"); }),
              HasSubstr("missing: there is no tensor later.C"));
  write(folder / "reshaped", small_layer(), "", "step.B");
  EXPECT_THAT(test::error_of([&] { read_ssm_tensors(folder / "reshaped"); }),
              HasSubstr("step.B: has shape [1, 4], but [4] is needed"));
  write(folder / "flat", small_layer(), "", "step.state");
  EXPECT_THAT(test::error_of([&] { read_ssm_tensors(folder / "flat"); }),
              HasSubstr("[heads, headdim, d_state] is needed"));
}

const SsmStepError& find(const std::vector<SsmStepError>& errors, const std::string& step,
                         bool int8_inputs, std::string_view state, std::string_view decay) {
  for (const SsmStepError& error : errors) {
    if (error.step == step && error.int8_inputs == int8_inputs &&
        error.state_format.name == state && error.decay_format.name == decay) {
      return error;
    }
  }
  throw std::logic_error("no such error");
}

TEST(SsmStepErrors, CoverAllFormatsAndGrowWithFewerBits) {
  const test::TemporaryFolder folder;
  write(folder / "layer", small_layer());
  const std::vector<SsmStepError> errors = ssm_step_errors(read_ssm_tensors(folder / "layer"));
  EXPECT_EQ(errors.size(), 4 * kStudyStateFormats.size() * kDecayFormats.size());
  for (const std::string step : {"step", "later"}) {
    const SsmStepError& exact = find(errors, step, false, "float", "exact");
    EXPECT_LT(exact.state, 1e-6);
    EXPECT_LT(exact.y, 1e-6);
    const SsmStepError& int8 = find(errors, step, false, "int8", "exact");
    EXPECT_GT(int8.state, 10 * find(errors, step, false, "int16", "exact").state);
    EXPECT_GT(int8.y, 1e-4);
    EXPECT_GT(find(errors, step, true, "float", "exact").y, 1e-4);
    EXPECT_GT(find(errors, step, false, "float", "fixed6").state,
              find(errors, step, false, "float", "fixed12").state);
  }
}

// The reference of the errors is the trained model's own step, which is stored in float16.
TEST(SsmStepErrors, AreSmallOnARealLayer) {
  LIGHTMAMBA_NEEDS_DATA("mamba2-130m-layer0.safetensors");
  const SsmTensors tensors = read_ssm_tensors(test::data_path("mamba2-130m-layer0.safetensors"));
  const std::vector<SsmStepError> errors = ssm_step_errors(tensors);
  for (const std::string step : {"step", "later"}) {
    EXPECT_LT(find(errors, step, false, "int16", "complement").y, 5e-4);
    EXPECT_LT(find(errors, step, true, "int16", "complement").y, 0.02);
    EXPECT_LT(find(errors, step, true, "int8", "fixed10").y, 0.05);
    EXPECT_GT(find(errors, step, false, "int8", "exact").y, 0.005);
  }
}

// "later" is a whole step too: its state, advanced with the computed dt, gives its y.
TEST(SsmTensors, OfTheRealLayerAreConsistent) {
  LIGHTMAMBA_NEEDS_DATA("mamba2-130m-layer0.safetensors");
  const SsmTensors tensors = read_ssm_tensors(test::data_path("mamba2-130m-layer0.safetensors"));
  for (const SsmStep* step : {&tensors.step, &tensors.later}) {
    std::vector<float> state = step->state;
    std::vector<float> y(64);
    SquaredError error;
    for (std::size_t head = 0; head < 24; ++head) {
      std::vector<float> input(64);
      for (std::size_t p = 0; p < 64; ++p) input[p] = step->dt[head] * step->x[head * 64 + p];
      advance_state<float>(static_cast<float>(step->complement[head]), input, step->B, step->C,
                           std::span(state).subspan(head * 64 * 128, 64 * 128), y);
      for (std::size_t p = 0; p < 64; ++p) y[p] += tensors.D[head] * step->x[head * 64 + p];
      error.add(std::span<const float>(y), std::span<const float>(step->y).subspan(head * 64, 64));
    }
    EXPECT_LT(error.relative(), 0.004);
  }
}

}  // namespace
}  // namespace lightmamba
