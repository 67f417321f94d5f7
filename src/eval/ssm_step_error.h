// The errors of number formats in one step of a trained state-space layer.
#pragma once

#include <string>
#include <vector>

#include "eval/ssm_formats.h"
#include "eval/ssm_tensors.h"

namespace lightmamba {

struct SsmStepError {
  std::string step;  // "step" or "later", the names in the file
  StudyStateFormat state_format;
  DecayFormat decay_format;
  bool int8_inputs = false;  // x, B, C and dt are INT8 too, with power-of-two scales in groups: x
                             // of headdim, B and C of d_state, dt of all heads
  double state = 0;          // ||found - expected|| / ||expected|| of the state as kept
  double y = 0;              // the same error of h C + D x
};

// The state before the step is rounded to its format, the step is done, y is taken and the state is
// rounded again. Errors are relative to the same step in double. Returns one for each of the two
// steps, inputs exact or INT8, state format and decay format, in this order of nesting.
std::vector<SsmStepError> ssm_step_errors(const SsmTensors& tensors);

}  // namespace lightmamba
