// Which vector instructions the kernels use.
#pragma once

#include <string_view>
#include <vector>

namespace lightmamba {

// In order: each may use what those before it do.
//   scalar   portable C++
//   avx2     AVX2, FMA and F16C
//   avx512   AVX-512 F, BW, VL, DQ, VBMI and VNNI
enum class Isa { scalar, avx2, avx512 };

std::string_view isa_name(Isa isa);
Isa parse_isa(std::string_view name);  // throws Error that lists the names

bool is_supported(Isa isa);         // by this processor and this build
std::vector<Isa> supported_isas();  // scalar first

// What the kernels use: the best supported one, or what LIGHTMAMBA_ISA names, or what set_isa was
// last given. Throws Error where that is not supported. To be set before kernels run.
Isa current_isa();
void set_isa(Isa isa);

}  // namespace lightmamba
