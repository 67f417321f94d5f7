// The back end that a command runs a model on, by its options.
#pragma once

#include <memory>
#include <optional>

#include <lightmamba/engine.h>

#include "accel/accelerator_backend.h"
#include "accel/image/image.h"
#include "cli/common.h"

namespace lightmamba::cli {

// Adds the options of commands that run a model: the back end, and the settings of each.
void add_backend_options(CLI::App& command, ModelOptions& options);
// Adds the same options but --pin, for commands that run several models.
void add_backend_choice(CLI::App& command, ModelOptions& options);

// Both throw Error for options that are wrong or cannot take effect, before any work is done.
EngineOptions engine_options(const ModelOptions& options);
void check_backend_options(const ModelOptions& options);

// Opens the back end that the options ask for; "auto" is the engine if it can run the model, else
// the reference. Throws Error if the back end cannot run the model.
std::shared_ptr<const Backend> open_backend(const Model& model, const ModelOptions& options);
// Loads the model first. An image of the accelerator runs on rtlsim; taps need the reference.
enum class WithTaps { no, yes };
std::shared_ptr<const Backend> load_backend(const ModelOptions& options,
                                            WithTaps taps = WithTaps::no);

}  // namespace lightmamba::cli
