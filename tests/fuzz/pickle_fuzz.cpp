// Any bytes as the pickle of a checkpoint whose storages all have the same few bytes.
#include <array>
#include <cstddef>
#include <cstdint>

#include <lightmamba/error.h>

#include "fuzz/check_tensors.h"
#include "io/pickle.h"
#include "io/strided.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<std::byte, 4096> kStorage = {};
  std::size_t copy_budget = 1 << 16;
  try {
    for (const auto& [name, tensor] :
         lightmamba::unpickle_state_dict(std::as_bytes(std::span(data, size)))) {
      check_tensor(
          lightmamba::strided_tensor(tensor.dtype, tensor.layout, kStorage, nullptr, copy_budget));
    }
  } catch (const lightmamba::Error&) {
  }
  return 0;
}
