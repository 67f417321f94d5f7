// Real inputs of a trained state-space layer, from a safetensors file of one layer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/safetensors.h"

namespace lightmamba {

// Returns a floating-point tensor of any shape. Throws Error that names it if it is missing or of
// another type.
std::vector<float> read_floats(const SafetensorsFile& file, const std::string& name);

// One decode step of one layer with a single group.
struct SsmStep {
  std::vector<float> x;            // [nheads, headdim]
  std::vector<float> B;            // [d_state]
  std::vector<float> C;            // [d_state]
  std::vector<float> dt;           // after softplus  [nheads]
  std::vector<double> complement;  // 1 - a = 1 - exp(A dt)  [nheads]
  std::vector<float> state;        // before the step  [nheads, headdim, d_state]
  std::vector<float> y;            // h C + D x, as stored  [nheads, headdim]
};

struct SsmTensors {
  std::int64_t nheads = 0;
  std::int64_t headdim = 0;
  std::int64_t d_state = 0;
  std::vector<float> D;  // [nheads]
  SsmStep step;          // from the tensors step.*
  SsmStep later;         // from later.*: another token, with dt computed from later.dt_raw
};

// Reads A, D, dt_bias, step.{x,B,C,dt,state,y} and later.{x,B,C,dt_raw,state,y}. Throws Error
// naming the file and the tensor that is missing or has another shape.
SsmTensors read_ssm_tensors(const std::filesystem::path& path);

}  // namespace lightmamba
