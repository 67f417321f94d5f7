#include "eval/ssm_tensors.h"

#include <cmath>
#include <string>

#include "base/fail.h"
#include "model/functions.h"

namespace lightmamba {
namespace {

const Tensor& find(const SafetensorsFile& file, const std::string& name) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) fail("there is no tensor {}", name);
  if (!is_floating(found->second.dtype)) {
    fail("{}: has dtype {}, but floating-point numbers are needed", name,
         dtype_name(found->second.dtype));
  }
  return found->second;
}

std::vector<float> read(const SafetensorsFile& file, const std::string& name, const Shape& shape) {
  const Tensor& tensor = find(file, name);
  if (tensor.shape != shape) {
    fail("{}: has shape {}, but {} is needed", name, shape_string(tensor.shape),
         shape_string(shape));
  }
  return read_floats(file, name);
}

// Reads all but dt and the values that follow from it.
SsmStep read_step(const SafetensorsFile& file, const std::string& prefix,
                  const SsmTensors& tensors) {
  const auto& [nheads, headdim, d_state, D, step, later] = tensors;
  SsmStep result;
  result.x = read(file, prefix + "x", {nheads, headdim});
  result.B = read(file, prefix + "B", {d_state});
  result.C = read(file, prefix + "C", {d_state});
  result.state = read(file, prefix + "state", {nheads, headdim, d_state});
  result.y = read(file, prefix + "y", {nheads, headdim});
  return result;
}

void set_complement(const std::vector<float>& A, SsmStep& step) {
  for (std::size_t head = 0; head < A.size(); ++head) {
    step.complement.push_back(-std::expm1(static_cast<double>(A[head]) * step.dt[head]));
  }
}

}  // namespace

std::vector<float> read_floats(const SafetensorsFile& file, const std::string& name) {
  const Tensor& tensor = find(file, name);
  std::vector<float> values(element_count(tensor.shape, tensor.dtype));
  to_float(tensor.dtype, tensor.data.data(), values);
  return values;
}

SsmTensors read_ssm_tensors(const std::filesystem::path& path) {
  const SafetensorsFile file = read_safetensors(path);
  return with_context(path.string(), [&] {
    SsmTensors tensors;
    const Shape& shape = find(file, "step.state").shape;
    if (shape.size() != 3) {
      fail("step.state: has shape {}, but [heads, headdim, d_state] is needed",
           shape_string(shape));
    }
    tensors.nheads = shape[0];
    tensors.headdim = shape[1];
    tensors.d_state = shape[2];
    const std::vector<float> A = read(file, "A", {tensors.nheads});
    tensors.D = read(file, "D", {tensors.nheads});
    tensors.step = read_step(file, "step.", tensors);
    tensors.step.dt = read(file, "step.dt", {tensors.nheads});
    tensors.later = read_step(file, "later.", tensors);
    tensors.later.dt = read(file, "later.dt_raw", {tensors.nheads});
    const std::vector<float> dt_bias = read(file, "dt_bias", {tensors.nheads});
    for (std::size_t head = 0; head < dt_bias.size(); ++head) {
      tensors.later.dt[head] = softplus(tensors.later.dt[head] + dt_bias[head]);
    }
    set_complement(A, tensors.step);
    set_complement(A, tensors.later);
    return tensors;
  });
}

}  // namespace lightmamba
