#include "kernels/isa.h"

#include <array>
#include <atomic>
#include <cstdlib>
#include <fmt/ranges.h>

#include <lightmamba/runtime.h>

#include "base/fail.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"scalar", "avx2", "avx512"};

void require_support(Isa isa) {
  if (!is_supported(isa)) fail("this processor or build has no {}", isa_name(isa));
}

Isa first_isa() {
  const char* const asked = std::getenv("LIGHTMAMBA_ISA");
  if (asked == nullptr) return supported_isas().back();
  return with_context("LIGHTMAMBA_ISA", [&] {
    const Isa isa = parse_isa(asked);
    require_support(isa);
    return isa;
  });
}

// The instruction set that was set, or else the one that was found when it was first needed.
constexpr int kNone = -1;
std::atomic<int> chosen_isa = kNone;

}  // namespace

std::string_view isa_name(Isa isa) { return kNames.at(static_cast<std::size_t>(isa)); }

Isa parse_isa(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames.at(i)) return static_cast<Isa>(i);
  }
  fail("unknown instruction set '{}': expected one of {}", printable(name),
       fmt::join(kNames, ", "));
}

bool is_supported(Isa isa) {
  if (isa == Isa::scalar) return true;
#if defined(LIGHTMAMBA_X86_KERNELS)
  // clang cannot be asked for F16C, which every processor with AVX2 has.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx2) return avx2;
  return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (is_supported(isa)) isas.push_back(isa);
  }
  return isas;
}

Isa current_isa() {
  int isa = chosen_isa;
  if (isa == kNone) {
    const Isa first = first_isa();
    if (chosen_isa.compare_exchange_strong(isa, static_cast<int>(first))) return first;
  }
  return static_cast<Isa>(isa);
}

void set_isa(Isa isa) {
  require_support(isa);
  chosen_isa = static_cast<int>(isa);
}

std::vector<std::string_view> instruction_sets() {
  std::vector<std::string_view> names;
  for (const Isa isa : supported_isas()) names.push_back(isa_name(isa));
  return names;
}

std::string_view instruction_set() { return isa_name(current_isa()); }

void set_instruction_set(std::string_view name) { set_isa(parse_isa(name)); }

}  // namespace lightmamba
