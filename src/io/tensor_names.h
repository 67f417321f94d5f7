// Names of a Mamba-2 model's tensors without the parts that programs put around them.
#pragma once

#include <map>
#include <string>

#include "io/tensor.h"

namespace lightmamba {

// Returns for each tensor its name in Mamba2ForCausalLM: backbone.layers.0.norm.weight,
// lm_head.weight. It removes the parts that wrappers add anywhere in a name (_orig_mod of
// torch.compile, module of DistributedDataParallel, those of FSDP and of activation checkpoints),
// and the prefix of the embedding, whatever it is, from all names that have it. A backbone that was
// saved alone gets its name in front. Names that have nothing to do with a Mamba-2 model stay as
// they are. Throws Error that names the tensors if two get the same name, or if there are the
// embeddings of several models.
std::map<std::string, std::string> plain_names(const TensorMap& tensors);

}  // namespace lightmamba
