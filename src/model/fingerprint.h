// A short name that tells models apart.
#pragma once

#include <string>

#include "model/weights.h"

namespace lightmamba {

// Computes Model::fingerprint(). It does not depend on where the weights are stored. Reads all of
// them, on all threads, unless they carry a fingerprint in their place.
std::string fingerprint(const Weights& weights);
bool has_fingerprint(const Weights& weights);  // has layers, or a fingerprint in their place

}  // namespace lightmamba
