// The vector instructions that the kernels use.
#pragma once

#include <string_view>
#include <vector>

namespace lightmamba {

// In order: each may use the instructions of those before it.
//   scalar   portable C++
//   avx2     AVX2, FMA and F16C
//   avx512   AVX-512 F, BW, VL, DQ, VBMI and VNNI
enum class Isa { scalar, avx2, avx512 };

std::string_view isa_name(Isa isa);
Isa parse_isa(std::string_view name);  // throws Error that lists the names

bool is_supported(Isa isa);         // whether this processor and this build have it
std::vector<Isa> supported_isas();  // scalar first

// The instruction set that kernels use: the last one given to set_isa, else the one that
// LIGHTMAMBA_ISA names, else the best supported one. Throws Error if it is not supported. It must
// be set before kernels run.
Isa current_isa();
void set_isa(Isa isa);

}  // namespace lightmamba
