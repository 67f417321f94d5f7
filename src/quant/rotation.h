// The rotation of LightMamba (arXiv 2502.15260, section 4; design after QuaRot and SpinQuant).
//
// With Q1 = H_d_model diag(s1) and Q2 = H_d_inner diag(s2), H normalised Hadamard matrices and s
// random signs, the residual stream r becomes Q1 r and the out_proj input v becomes Q2 v:
//
//   E'     = rows Q1 e                    W_in'  = rows Q1 (g1 w)        g1' = 1
//   W_out' = Q1 W_out Q2ᵀ                 g2'    = s2 g2
//   W_lm'  = rows Q1 (gf w)               gf'    = 1
//
// The norms without gain commute with Q1. Only H_d_inner remains online, after g2'.
#pragma once

#include <memory>

#include "quant/method.h"

namespace lightmamba {

std::unique_ptr<const WeightMethod> make_rotation(const Mamba2Config& config, std::uint64_t seed);

}  // namespace lightmamba
