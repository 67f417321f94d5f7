// Any bytes as a PyTorch checkpoint.
#include <cstddef>
#include <cstdint>

#include <lightmamba/error.h>

#include "fuzz/check_tensors.h"
#include "io/pytorch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto tensors =
        lightmamba::parse_pytorch(std::as_bytes(std::span(data, size)), nullptr, "input");
    for (const auto& [name, tensor] : tensors) check_tensor(tensor);
    check_names(tensors);
  } catch (const lightmamba::Error&) {
  }
  return 0;
}
