#include <fmt/ranges.h>
#include <map>
#include <memory>
#include <set>

#include "base/fail.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "io/checkpoint.h"
#include "model/weights.h"

namespace lightmamba::cli {
namespace {

struct Options {
  ModelOptions model;
  bool tensors = false;
};

struct Totals {
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;
};

// Tensors that share their storage, as a tied head may, count once.
Totals count(const TensorMap& tensors) {
  Totals totals;
  std::set<const std::byte*> seen;
  for (const auto& [name, tensor] : tensors) {
    if (!seen.insert(tensor.data.data()).second) continue;
    totals.parameters += static_cast<std::int64_t>(element_count(tensor.shape, tensor.dtype));
    totals.bytes += std::ssize(tensor.data);
  }
  return totals;
}

std::int64_t state_bytes(const Mamba2Config& c) {
  return (c.state_elements() + c.conv_state_elements()) * static_cast<std::int64_t>(sizeof(float));
}

nlohmann::ordered_json architecture(const Mamba2Config& c) {
  return {{"vocab_size", c.vocab_size},
          {"d_model", c.d_model},
          {"n_layer", c.n_layer},
          {"d_inner", c.d_inner},
          {"nheads", c.nheads},
          {"headdim", c.headdim},
          {"d_state", c.d_state},
          {"ngroups", c.ngroups},
          {"d_conv", c.d_conv},
          {"conv_bias", c.conv_bias},
          {"tie_embeddings", c.tie_embeddings}};
}

void print_as_json(const Checkpoint& checkpoint) {
  const Totals totals = count(checkpoint.tensors);
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const auto& [name, tensor] : checkpoint.tensors) {
    tensors.push_back({{"name", name},
                       {"dtype", dtype_name(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"bytes", tensor.data.size()}});
  }
  print_json({{"architecture", "mamba2"},
              {"config", architecture(checkpoint.config)},
              {"parameters", totals.parameters},
              {"weight_bytes", totals.bytes},
              {"state_bytes", state_bytes(checkpoint.config)},
              {"quantization", nullptr},
              {"tensors", tensors}});
}

void print_row(const std::string& name, const Tensor& tensor, std::int64_t copies) {
  const std::string times = copies > 1 ? fmt::format("{} x ", copies) : "";
  write_output(fmt::format(
      "  {:<42} {:<5} {:>20}  {:>10}\n", name, dtype_name(tensor.dtype),
      times + shape_string(tensor.shape),
      human_bytes(static_cast<double>(tensor.data.size() * static_cast<std::size_t>(copies)))));
}

// "backbone.layers.3.norm.weight" as "backbone.layers.*.norm.weight"
std::string without_layer(const std::string& name) {
  constexpr std::string_view kPrefix = "backbone.layers.";
  if (!name.starts_with(kPrefix)) return name;
  const std::size_t end = name.find('.', kPrefix.size());
  return std::string(kPrefix) + "*" + (end == std::string::npos ? "" : name.substr(end));
}

// The tensors of all layers that are alike make one row.
void print_tensors(const TensorMap& tensors, bool each) {
  std::map<std::string, std::pair<const Tensor*, std::int64_t>> rows;
  for (const auto& [name, tensor] : tensors) {
    std::string key = each ? name : without_layer(name);
    if (const auto found = rows.find(key);
        found != rows.end() && (found->second.first->shape != tensor.shape ||
                                found->second.first->dtype != tensor.dtype)) {
      key = name;
    }
    auto& row = rows.try_emplace(key, &tensor, 0).first->second;
    ++row.second;
  }
  for (const auto& [name, row] : rows) print_row(name, *row.first, row.second);
}

void print_as_text(const Checkpoint& checkpoint, bool each_tensor) {
  const Totals totals = count(checkpoint.tensors);
  const Mamba2Config& c = checkpoint.config;
  write_output(fmt::format("Mamba-2, {} parameters, {}\n",
                           human_count(static_cast<double>(totals.parameters)),
                           checkpoint.weights_file.filename().string()));
  const nlohmann::ordered_json sizes = architecture(c);
  for (const auto& item : sizes.items()) {
    write_output(fmt::format("  {:<16} {}\n", item.key(), item.value().dump()));
  }
  write_output(fmt::format("quantization       none\n"));
  write_output(
      fmt::format("weights            {}\n", human_bytes(static_cast<double>(totals.bytes))));
  write_output(fmt::format("state              {} for each sequence, in float32\n",
                           human_bytes(static_cast<double>(state_bytes(c)))));
  write_output("tensors\n");
  print_tensors(checkpoint.tensors, each_tensor);
}

void inspect(const Options& options) {
  const Checkpoint checkpoint = open_checkpoint(options.model.model);
  make_weights(checkpoint);  // refuses tensors that are missing or do not fit
  if (options.model.json) {
    print_as_json(checkpoint);
  } else {
    print_as_text(checkpoint, options.tensors);
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  CLI::App* command = app.add_subcommand("inspect", "Architecture, sizes and tensors of a model");
  auto options = std::make_shared<Options>();
  add_model_argument(*command, options->model);
  command->add_flag("--tensors", options->tensors, "List every tensor instead of one row a kind");
  add_json_option(*command, options->model);
  command->callback([options] { inspect(*options); });
}

}  // namespace lightmamba::cli
