#include "eval/ssm_step_error.h"

#include <span>
#include <utility>

#include <lightmamba/fake_quant.h>

#include "eval/relative_error.h"

namespace lightmamba {
namespace {

template <typename T>
struct Inputs {
  std::vector<T> x, B, C, dt;
};

template <typename T>
struct Outcome {
  std::vector<T> state;  // [nheads, headdim, d_state]
  std::vector<T> y;      // [nheads, headdim]
};

template <typename T, typename Complement>
Outcome<T> run(const SsmTensors& tensors, const Inputs<T>& inputs, std::vector<T> state,
               const Complement& complement) {
  const auto rows = static_cast<std::size_t>(tensors.headdim);
  const std::size_t size = rows * inputs.B.size();
  Outcome<T> result{std::move(state), std::vector<T>(inputs.x.size())};
  std::vector<T> input(rows);
  for (std::size_t head = 0; head < inputs.dt.size(); ++head) {
    const std::span x = std::span(inputs.x).subspan(head * rows, rows);
    const std::span y = std::span(result.y).subspan(head * rows, rows);
    for (std::size_t p = 0; p < rows; ++p) input[p] = inputs.dt[head] * x[p];
    advance_state<T>(complement(head), input, inputs.B, inputs.C,
                     std::span(result.state).subspan(head * size, size), y);
    for (std::size_t p = 0; p < rows; ++p) y[p] += static_cast<T>(tensors.D[head]) * x[p];
  }
  return result;
}

std::vector<double> widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

Inputs<float> int8_inputs(const SsmTensors& tensors, Inputs<float> inputs) {
  const auto round = [](std::vector<float>& values, std::int64_t group) {
    fake_quantize({.bits = 8, .group = group, .power_of_two = true}, std::ssize(values), values);
  };
  round(inputs.x, tensors.headdim);
  round(inputs.B, tensors.d_state);
  round(inputs.C, tensors.d_state);
  round(inputs.dt, tensors.nheads);
  return inputs;
}

double relative_error(std::span<const float> found, std::span<const double> expected) {
  SquaredError error;
  error.add(found, expected);
  return error.relative();
}

void add_errors(const SsmTensors& tensors, const std::string& name, const SsmStep& step,
                std::vector<SsmStepError>& results) {
  const Inputs<float> plain{step.x, step.B, step.C, step.dt};
  const Outcome<double> exact =
      run<double>(tensors, {widened(step.x), widened(step.B), widened(step.C), widened(step.dt)},
                  widened(step.state), [&](std::size_t head) { return step.complement[head]; });
  for (const bool int8 : {false, true}) {
    const Inputs<float> inputs = int8 ? int8_inputs(tensors, plain) : plain;
    for (const StudyStateFormat& state_format : kStudyStateFormats) {
      for (const DecayFormat& decay_format : kDecayFormats) {
        std::vector<float> state = step.state;
        round_state(state_format.codes, tensors.d_state, 0, 0, state);
        Outcome<float> found = run<float>(tensors, inputs, std::move(state), [&](std::size_t head) {
          return static_cast<float>(round_complement(decay_format, step.complement[head]));
        });
        round_state(state_format.codes, tensors.d_state, 0, 1, found.state);
        results.push_back({name, state_format, decay_format, int8,
                           relative_error(found.state, exact.state),
                           relative_error(found.y, exact.y)});
      }
    }
  }
}

}  // namespace

std::vector<SsmStepError> ssm_step_errors(const SsmTensors& tensors) {
  std::vector<SsmStepError> results;
  add_errors(tensors, "step", tensors.step, results);
  add_errors(tensors, "later", tensors.later, results);
  return results;
}

}  // namespace lightmamba
