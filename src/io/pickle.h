// Reads the pickle inside a PyTorch checkpoint without running any code that it names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "io/strided.h"

namespace lightmamba {

struct PickledTensor {
  DType dtype = DType::f32;
  std::string storage_key;         // names the storage, which lies outside the pickle
  std::int64_t storage_count = 0;  // elements that the pickle says the storage has
  StridedLayout layout;            // as written: nothing about it has been checked
};

// Returns the tensors of a pickled state dict, or of the one in a checkpoint that a training script
// wrote: the dictionary under "state_dict", "model", "model_state_dict", "module" or "model_state",
// the first that has tensors; else under any one name, if it has an embedding; at the top or under
// "state". Entries beside the model, and its entries that are no tensors, are skipped. Throws Error
// that names both if two other names have an embedding. The names of dictionaries with an embedding
// beside the model, as of an average of it, are put into `unused`, which may be null.
//
// The interpreter knows dictionaries, tuples, numbers, strings and the few functions that rebuild
// tensors; any other request of a pickle is an Error that names it. Time and memory are linear in
// the size of the pickle, and both are bounded.
std::map<std::string, PickledTensor> unpickle_state_dict(
    std::span<const std::byte> pickle, std::vector<std::string>* unused = nullptr);

}  // namespace lightmamba
