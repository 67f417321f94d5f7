#include "model/ssm.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "base/dtype.h"
#include "io/safetensors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

std::vector<float> floats(const SafetensorsFile& file, const std::string& name) {
  const Tensor& tensor = file.tensors.at(name);
  std::vector<float> values(element_count(tensor.shape, tensor.dtype));
  to_float(tensor.dtype, tensor.data.data(), values);
  return values;
}

Mamba2Config shape_of_130m() {
  Mamba2Config config;
  config.n_layer = 1;
  config.d_model = 768;
  config.d_inner = 1536;
  config.nheads = 24;
  return config;
}

double relative_error(const std::vector<float>& found, const std::vector<float>& expected) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    difference += std::pow(static_cast<double>(found[i]) - expected[i], 2);
    norm += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference / norm);
}

std::vector<float> concatenate(std::vector<float> a, const std::vector<float>& b,
                               const std::vector<float>& c) {
  a.insert(a.end(), b.begin(), b.end());
  a.insert(a.end(), c.begin(), c.end());
  return a;
}

// step.* is one consistent decode step of the trained model, in float16.
TEST(Ssm, StepAgreesWithTheTrainedModel) {
  LIGHTMAMBA_NEEDS_DATA("mamba2-130m-layer0.safetensors");
  const SafetensorsFile file = read_safetensors(test::data_path("mamba2-130m-layer0.safetensors"));
  const Mamba2Config config = shape_of_130m();
  const std::vector<float> xbc =
      concatenate(floats(file, "step.x"), floats(file, "step.B"), floats(file, "step.C"));
  const std::vector<float> dt = floats(file, "step.dt");
  const std::vector<float> decay = floats(file, "step.dA");
  const std::vector<float> D = floats(file, "D");
  std::vector<float> state = floats(file, "step.state");
  std::vector<float> y(1536);
  ssm_step(config, {1, xbc.data(), dt.data(), decay.data(), D.data()}, state, y);
  EXPECT_LT(relative_error(y, floats(file, "step.y")), 5e-4);
}

class SsmShapes : public ::testing::TestWithParam<std::tuple<int, int, int>> {};

// Lengths below, at and across the chunk; decays from almost none to a reset.
TEST_P(SsmShapes, ChunksAgreeWithTheRecurrence) {
  const auto [tokens, ngroups, seed] = GetParam();
  Mamba2Config config;
  config.n_layer = 1;
  config.nheads = 4;
  config.headdim = 8;
  config.d_inner = 32;
  config.d_state = 16;
  config.ngroups = ngroups;
  const auto count = static_cast<std::size_t>(tokens);
  std::mt19937 generator(static_cast<unsigned>(seed));
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform(0.0F, 1.0F);
  std::vector<float> xbc(count * static_cast<std::size_t>(config.conv_dim()));
  std::vector<float> dt(count * 4);
  std::vector<float> decay(count * 4);
  std::vector<float> D(4);
  std::vector<float> state(4 * 8 * 16);
  for (auto* values : {&xbc, &D, &state}) {
    for (float& value : *values) value = normal(generator);
  }
  for (float& value : dt) value = 0.2F * uniform(generator);
  for (float& value : decay) {
    value = uniform(generator) < 0.05F ? 0.0F : std::pow(uniform(generator), 0.1F);
  }
  const SsmInputs inputs{tokens, xbc.data(), dt.data(), decay.data(), D.data()};

  std::vector<float> stepped_state = state;
  std::vector<float> stepped(count * 32);
  for (int t = 0; t < tokens; ++t) {
    ssm_step(config, inputs.token(config, t), stepped_state,
             std::span(stepped).subspan(static_cast<std::size_t>(t) * 32, 32));
  }
  std::vector<float> chunked_state = state;
  std::vector<float> chunked(count * 32);
  ssm_chunked(config, inputs, chunked_state, chunked);
  EXPECT_LT(relative_error(chunked, stepped), 1e-6);
  EXPECT_LT(relative_error(chunked_state, stepped_state), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Lengths, SsmShapes,
                         ::testing::Combine(::testing::Values(1, 2, 63, 64, 65, 200),
                                            ::testing::Values(1, 2, 4), ::testing::Values(1, 2)));

}  // namespace
}  // namespace lightmamba
