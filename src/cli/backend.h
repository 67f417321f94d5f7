// The back end that a command runs a model on, by its options.
#pragma once

#include <memory>
#include <optional>

#include <lightmamba/engine.h>

#include "accel/accelerator_backend.h"
#include "accel/program/image.h"
#include "cli/common.h"

namespace lightmamba::cli {

// Those of commands that run a model: the back end, and what each back end needs.
void add_backend_options(CLI::App& command, ModelOptions& options);
// The same but pinned threads, for commands that run several models.
void add_backend_choice(CLI::App& command, ModelOptions& options);

// Throws Error for options that are wrong or cannot take effect, before the work.
EngineOptions engine_options(const ModelOptions& options);
void check_backend_options(const ModelOptions& options);

// The model on the back end that is asked for; "auto" is the engine where it can run the model,
// else the reference. Throws Error where the back end cannot run it.
std::shared_ptr<const Backend> open_backend(const Model& model, const ModelOptions& options);
// The same with the model loaded, which may be an image of the accelerator: that runs on rtlsim.
// Taps run on the reference only.
enum class WithTaps { no, yes };
std::shared_ptr<const Backend> load_backend(const ModelOptions& options,
                                            WithTaps taps = WithTaps::no);

}  // namespace lightmamba::cli
