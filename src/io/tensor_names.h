// Names of a Mamba-2 model's tensors without what programs put around them.
#pragma once

#include <map>
#include <string>

#include "io/tensor.h"

namespace lightmamba {

// For each tensor its name as Mamba2ForCausalLM has it: backbone.layers.0.norm.weight,
// lm_head.weight. Taken away are the parts that wrappers add anywhere in a name (_orig_mod of
// torch.compile, module of DistributedDataParallel, those of FSDP and of activation checkpoints),
// and the prefix of the embedding, whatever it is, from all that have it; a backbone that was saved
// alone gets its name in front. Names that have nothing to do with a Mamba-2 model stay as they
// are. Throws Error naming the tensors where two get the same name, or where there are the
// embeddings of several models.
std::map<std::string, std::string> plain_names(const TensorMap& tensors);

}  // namespace lightmamba
