// Any bytes as a PyTorch checkpoint.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>

#include <lightmamba/error.h>

#include "io/pytorch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto tensors =
        lightmamba::parse_pytorch(std::as_bytes(std::span(data, size)), nullptr, "input");
    for (const auto& [name, tensor] : tensors) {
      const std::size_t count = lightmamba::element_count(tensor.shape, tensor.dtype);
      if (tensor.data.size() != count * lightmamba::dtype_size(tensor.dtype)) std::abort();
      // Touches every byte, for the sanitizers.
      volatile int sum = std::accumulate(
          tensor.data.begin(), tensor.data.end(), 0,
          [](int so_far, std::byte value) { return so_far ^ std::to_integer<int>(value); });
      static_cast<void>(sum);
    }
  } catch (const lightmamba::Error&) {
  }
  return 0;
}
