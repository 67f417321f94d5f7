// Settings of the whole process, and the version of the library.
#pragma once

#include <string_view>
#include <vector>

#include <lightmamba/error.h>
#include <lightmamba/export.h>
#include <lightmamba/version.h>

namespace lightmamba {

// Of the library that runs: LIGHTMAMBA_VERSION as it was when that was compiled.
LIGHTMAMBA_EXPORT std::string_view version();

// Threads that parallel loops of this process may use: those of the reference, of quantization and
// of evaluation. An engine takes as many where its options name no number, and keeps them. 0 means
// one for each processor, as at the beginning. Results do not depend on it.
LIGHTMAMBA_EXPORT void set_thread_count(int count);
LIGHTMAMBA_EXPORT int thread_count();

// The instruction sets that this processor and this build have, "scalar" first and the best one
// last: of "scalar", "avx2" (with FMA and F16C) and "avx512" (F, BW, VL, DQ, VBMI and VNNI).
LIGHTMAMBA_EXPORT std::vector<std::string_view> instruction_sets();

// The one whose kernels new engines use: the best, or what the environment variable LIGHTMAMBA_ISA
// names, or what was set last. To be set before models run. Results do not depend on it. Both throw
// Error for a name that is unknown or not among instruction_sets().
LIGHTMAMBA_EXPORT std::string_view instruction_set();
LIGHTMAMBA_EXPORT void set_instruction_set(std::string_view name);

}  // namespace lightmamba
