#include "kernels/elements.h"

#include "base/buffer.h"
#include "base/fail.h"
#include "kernels/elements_isa.h"

namespace lightmamba {

void transpose_conv_weights(const float* weights, std::int64_t channels, std::int64_t d_conv,
                            float* out) {
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t k = 0; k < d_conv; ++k) out[k * channels + c] = weights[c * d_conv + k];
  }
}

StateLayout state_layout(StateFormat format, std::int64_t headdim, std::int64_t d_state) {
  if (d_state > kLargestDState) {
    fail("d_state {} is larger than the kernels' {}", d_state, kLargestDState);
  }
  constexpr auto kLine = static_cast<std::int64_t>(kCacheLine);
  const auto padded = [](std::int64_t count) { return (count + kLine - 1) / kLine * kLine; };
  const std::int64_t code_bytes = format == StateFormat::floating ? 4
                                  : format == StateFormat::int8   ? 1
                                                                  : 2;
  StateLayout layout{.format = format,
                     .headdim = headdim,
                     .d_state = d_state,
                     .row = padded(d_state),
                     .codes_at = 0,
                     .head_bytes = 0};
  if (format != StateFormat::floating) layout.codes_at = padded(headdim * 4);
  layout.head_bytes = layout.codes_at + headdim * layout.row * code_bytes;
  return layout;
}

const ElementKernels& element_kernels(Isa isa) {
#if defined(LIGHTMAMBA_X86_KERNELS)
  if (isa == Isa::avx512) return kAvx512ElementKernels;
  if (isa == Isa::avx2) return kAvx2ElementKernels;
#endif
  static_cast<void>(isa);
  return kScalarElementKernels;
}

const ElementKernels& element_kernels() { return element_kernels(current_isa()); }

}  // namespace lightmamba
