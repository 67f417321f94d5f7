// Settings of the whole process, and the version of the library.
#pragma once

#include <string_view>
#include <vector>

#include <lightmamba/error.h>
#include <lightmamba/export.h>
#include <lightmamba/version.h>

namespace lightmamba {

// Returns the version of the library that runs: LIGHTMAMBA_VERSION when it was compiled.
LIGHTMAMBA_EXPORT std::string_view version();

// The number of threads that parallel loops of this process may use: in the reference, in
// quantization and in evaluation. An engine whose options name no number takes as many and keeps
// them. 0 means one for each processor, which is the default. Results do not depend on the number.
// Throws Error for a number below 0.
LIGHTMAMBA_EXPORT void set_thread_count(int count);
LIGHTMAMBA_EXPORT int thread_count();

// Returns the instruction sets that both this processor and this build have, "scalar" first and the
// best one last. They are "scalar", "avx2" (with FMA and F16C) and "avx512" (F, BW, VL, DQ, VBMI
// and VNNI).
LIGHTMAMBA_EXPORT std::vector<std::string_view> instruction_sets();

// The instruction set whose kernels new engines use: the one set last, else the one that the
// environment variable LIGHTMAMBA_ISA names, else the best. It must be set before models run.
// Results do not depend on it. Both functions throw Error for a name that is unknown or not among
// instruction_sets().
LIGHTMAMBA_EXPORT std::string_view instruction_set();
LIGHTMAMBA_EXPORT void set_instruction_set(std::string_view name);

}  // namespace lightmamba
