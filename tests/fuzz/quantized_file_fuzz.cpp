// Any bytes as a quantized file, whatever its checksums say: weights must lie within them.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include <lightmamba/error.h>

#include "fuzz/check_tensors.h"
#include "quant/quantized_file.h"

namespace {

// Touches every code and scale, for the sanitizers.
void read_rows(const lightmamba::Matrix& matrix) {
  std::vector<float> row(static_cast<std::size_t>(matrix.columns));
  for (std::int64_t r = 0; r < matrix.rows; ++r) matrix.row_to_float(r, row);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto file =
        lightmamba::parse_quantized_file(bytes, nullptr, "fuzz", lightmamba::Checksums::ignored);
    for (const auto& [name, tensor] : file.tensors) check_tensor(tensor);
    const lightmamba::Weights weights =
        lightmamba::weights_from_layout(file.config, file.quantization, file.tensors);
    read_rows(weights.embedding);
    read_rows(weights.head);
    for (const auto& layer : weights.layers) {
      read_rows(layer.in_proj);
      read_rows(layer.out_proj);
    }
  } catch (const lightmamba::Error&) {
  }
  return 0;
}
