// A short name that tells models apart.
#pragma once

#include <string>

#include "model/weights.h"

namespace lightmamba {

// Computes Model::fingerprint(). It does not depend on where the weights are stored.
std::string fingerprint(const Weights& weights);

}  // namespace lightmamba
