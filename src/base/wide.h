// Loops over single elements for the widest vectors of the processor.
#pragma once

namespace lightmamba {

#if defined(__GNUC__) && defined(__x86_64__)
#define LIGHTMAMBA_WIDE __attribute__((always_inline))
namespace wide_detail {
// AVX2 alone has no fused multiply-add, so every result is the same as that of the plain code.
template <typename Body>
__attribute__((target("avx2"))) void with_avx2(const Body& body) {
  body();
}
}  // namespace wide_detail
#else
#define LIGHTMAMBA_WIDE
#endif

// Calls body(), compiled for AVX2 as well where the processor has it. `body` must be a lambda that
// calls only inline functions, all marked LIGHTMAMBA_WIDE; their loops must not add up across
// elements, since the order of such a sum would depend on the width.
template <typename Body>
void with_wide_vectors(const Body& body) {
#if defined(__GNUC__) && defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return wide_detail::with_avx2(body);
#endif
  body();
}

}  // namespace lightmamba
