// Any bytes as a safetensors file: views must lie within them, and only Error may be thrown.
#include <cstdint>
#include <cstdlib>
#include <span>

#include <lightmamba/error.h>

#include "fuzz/check_tensors.h"
#include "io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto file = lightmamba::parse_safetensors(bytes, nullptr, "fuzz");
    std::size_t total = 0;
    for (const auto& [name, tensor] : file.tensors) {
      check_tensor(tensor);
      total += tensor.data.size();
    }
    if (total > size) std::abort();
    check_names(file.tensors);
  } catch (const lightmamba::Error&) {
  }
  return 0;
}
