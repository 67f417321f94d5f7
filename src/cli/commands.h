// The commands of the program. Each adds itself to the command line, one file for each.
#pragma once

#include <CLI/CLI.hpp>

namespace lightmamba::cli {

void add_inspect(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_detokenize(CLI::App& app);
void add_generate(CLI::App& app);
void add_logits(CLI::App& app);
void add_quantize(CLI::App& app);
void add_compare(CLI::App& app);
void add_perplexity(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_study(CLI::App& app);
void add_bench(CLI::App& app);
void add_accel(CLI::App& app);

}  // namespace lightmamba::cli
