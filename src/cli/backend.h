// The back end that a command runs a model on, by its options.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <lightmamba/engine.h>

#include "accel/accelerator_backend.h"
#include "accel/image/image.h"
#include "cli/common.h"
#include "model/weights.h"

namespace lightmamba::cli {

// Adds the options of commands that run a model: the back end, and the settings of each.
void add_backend_options(CLI::App& command, ModelOptions& options);
// Adds the same options but --pin, for commands that run several models.
void add_backend_choice(CLI::App& command, ModelOptions& options);

// Chooses the instruction set. Throws Error for options that are wrong or cannot take effect; to be
// called once, before any work is done. Where the back end is "auto", require_effect() tells the
// latter once it is known.
void apply_backend_options(const ModelOptions& options);

// Returns the name of the back end that the options ask for; "auto" is the engine if it can run the
// model, else the reference. Throws Error if the back end cannot run such weights, of which only
// the configuration and the quantization need to be there.
std::string choose_backend(const Weights& weights, const ModelOptions& options);

// Throws Error for an option that has no effect on any of these back ends.
void require_effect(const ModelOptions& options, const std::vector<std::string>& backends);

// Opens the back end that the options ask for, once they are applied. Throws Error if it cannot run
// the model.
std::shared_ptr<const Backend> open_backend(const Model& model, const ModelOptions& options);
// Does the same for the only model of a command: all options must have an effect on its back end.
std::shared_ptr<const Backend> open_only_backend(const Model& model, const ModelOptions& options);
// Applies the options and loads the model first. An image of the accelerator runs on rtlsim; taps
// need the reference.
enum class WithTaps { no, yes };
std::shared_ptr<const Backend> load_backend(const ModelOptions& options,
                                            WithTaps taps = WithTaps::no);

}  // namespace lightmamba::cli
