#include <fmt/ranges.h>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/fail.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/quantize_options.h"
#include "cli/taps.h"
#include "eval/outlier_picture.h"
#include "io/checkpoint.h"
#include "io/file_kind.h"
#include "model/tensor_list.h"
#include "quant/hadamard.h"
#include "quant/quantized_file.h"

namespace lightmamba::cli {
namespace {

struct InspectArguments {
  ModelOptions model;
  bool tensors = false;
  std::filesystem::path picture;  // empty: none
  std::string tap = "out_proj_input";
  std::optional<std::int64_t> layer;  // the middle one if absent
  std::filesystem::path file;         // empty: the model's calibration text
  std::int64_t tokens = 128;
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

// What a model is made of, whichever way it is stored.
struct Contents {
  Mamba2Config config;
  TensorMap tensors;
  std::string file;
  Totals totals;
  std::optional<Quantization> quantization;
};

// Weights behind the codes of a quantized model; a tied head counts once.
std::int64_t parameters(const Weights& weights) {
  const auto size = [](const Matrix& matrix) { return matrix.rows * matrix.columns; };
  std::int64_t sum = size(weights.embedding) + std::ssize(weights.norm_f);
  if (!weights.config.tie_embeddings) sum += size(weights.head);
  for (const LayerWeights& layer : weights.layers) {
    for (const BlockMatrix& each : block_matrices(weights.config)) sum += size(layer.*each.matrix);
    for (const BlockVector& each : stored_vectors(weights.config, weights.quantization)) {
      sum += std::ssize(layer.*each.values);
    }
  }
  return sum;
}

// Refuses tensors that are missing or do not fit.
Contents read_contents(const std::filesystem::path& path) {
  const FileKind kind = file_kind(path);
  if (kind == FileKind::accelerator_image) {
    fail("{}: an image of the accelerator, which `lightmamba accel inspect` shows", path);
  }
  if (const std::string_view what = what_it_is(kind); !what.empty()) {
    fail("{}: {}; expected a directory with config.json and weights, or a quantized model", path,
         what);
  }
  if (kind == FileKind::directory || kind == FileKind::absent) {
    Checkpoint checkpoint = open_checkpoint(path);
    const Weights weights = make_weights(checkpoint);
    print_notes(weights.notes);
    const Totals totals = count(checkpoint.tensors);
    return {weights.config, std::move(checkpoint.tensors),
            checkpoint.weights_file.filename().string(), totals, std::nullopt};
  }
  QuantizedFile file = read_quantized_file(path);
  Totals totals = count(file.tensors);
  totals.parameters = with_context(path.string(), [&] {
    return parameters(weights_from_layout(file.config, file.quantization, file.tensors));
  });
  return {file.config, std::move(file.tensors), path.filename().string(), totals,
          file.quantization};
}

void print_as_json(const Contents& contents) {
  const Totals& totals = contents.totals;
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const auto& [name, tensor] : contents.tensors) {
    tensors.push_back({{"name", name},
                       {"dtype", dtype_name(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"bytes", tensor.data.size()}});
  }
  print_json({{"architecture", "mamba2"},
              {"config", architecture(contents.config)},
              {"parameters", totals.parameters},
              {"weight_bytes", totals.bytes},
              {"state_bytes", state_bytes(contents.config)},
              {"quantization", contents.quantization ? quantization_json(*contents.quantization)
                                                     : nlohmann::ordered_json(nullptr)},
              {"tensors", tensors}});
}

void print_row(const std::string& name, const Tensor& tensor, std::int64_t copies) {
  const std::string times = copies > 1 ? fmt::format("{} x ", copies) : "";
  write_output(fmt::format(
      "  {:<47} {:<5} {:>20}  {:>10}\n", name, dtype_name(tensor.dtype),
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

void print_as_text(const Contents& contents, bool each_tensor) {
  const Totals& totals = contents.totals;
  const Mamba2Config& c = contents.config;
  write_output(fmt::format("Mamba-2, {} parameters, {}\n",
                           human_count(static_cast<double>(totals.parameters)), contents.file));
  const nlohmann::ordered_json sizes = architecture(c);
  for (const auto& item : sizes.items()) {
    write_output(fmt::format("  {:<16} {}\n", item.key(), item.value().dump()));
  }
  write_output(
      fmt::format("quantization       {}\n",
                  contents.quantization ? quantization_text(*contents.quantization) : "none"));
  write_output(
      fmt::format("weights            {}\n", human_bytes(static_cast<double>(totals.bytes))));
  write_output(fmt::format("state              {} for each sequence, in float32\n",
                           human_bytes(static_cast<double>(state_bytes(c)))));
  write_output("tensors\n");
  print_tensors(contents.tensors, each_tensor);
}

// A Hadamard matrix with random signs, as quantization uses it.
RotateRows make_rotation(std::int64_t channels) {
  return [transform = HadamardTransform(channels),
          signs = random_signs(channels, 1)](std::span<float> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] *= signs[i % signs.size()];
    transform.apply(rows);
  };
}

std::vector<TokenId> first_tokens(const Model& model, const InspectArguments& options) {
  const std::filesystem::path& path = options.model.model;
  if (options.file.empty() && file_kind(path) != FileKind::directory) {
    fail("{}: a quantized model has no text beside it: --file FILE", path);
  }
  const std::filesystem::path file = options.file.empty() ? path / "calibration.txt" : options.file;
  const std::string text = read_input(file);
  std::vector<TokenId> tokens =
      with_context(file.string(), [&] { return model.tokenizer().encode(text); });
  if (tokens.empty()) fail("{}: has no tokens", file);
  if (std::ssize(tokens) > options.tokens) tokens.resize(static_cast<std::size_t>(options.tokens));
  return tokens;
}

nlohmann::ordered_json as_json(const ValueSummary& summary) {
  return {{"largest", summary.largest},
          {"largest_over_rms", summary.largest / summary.rms},
          {"kurtosis", summary.kurtosis},
          {"error_4bit", summary.error}};
}

void print_outliers(const OutlierReport& report) {
  write_output(fmt::format("{}, layer {}: {} tokens of {} channels\n", tap_name(report.tap),
                           report.layer, report.tokens, report.channels));
  write_output(fmt::format("{:<10} {:>10} {:>14} {:>10} {:>12}\n", "", "largest", "largest / rms",
                           "kurtosis", "4-bit error"));
  const auto row = [](std::string_view name, const ValueSummary& summary) {
    write_output(fmt::format("{:<10} {:>10.3f} {:>14.2f} {:>10.2f} {:>10.2f} %\n", name,
                             summary.largest, summary.largest / summary.rms, summary.kurtosis,
                             100 * summary.error));
  };
  row("before", report.before.summary);
  row("rotated", report.after.summary);
}

void show_outliers(const InspectArguments& options) {
  refuse_without_effect(*options.model.command, {"--tensors"}, "with --outliers");
  refuse_to_overwrite(options.picture, options.model);
  refuse_to_overwrite(options.picture, options.file);
  require_place_for(options.picture);
  const Model model = load_model(options.model);
  const OutlierReport report =
      find_outliers(model, first_tokens(model, options), parse_tap(options.tap),
                    options.layer.value_or(model.config().n_layer / 2), make_rotation);
  draw_outliers(report, options.picture);
  if (options.model.json) {
    print_json({{"tap", options.tap},
                {"layer", report.layer},
                {"tokens", report.tokens},
                {"channels", report.channels},
                {"before", as_json(report.before.summary)},
                {"rotated", as_json(report.after.summary)}});
  } else {
    print_outliers(report);
  }
}

void inspect(const InspectArguments& options) {
  if (!options.picture.empty()) return show_outliers(options);
  if (options.model.json) {
    refuse_without_effect(*options.model.command, {"--tensors"}, "with --json");
  }
  const Contents contents = read_contents(options.model.model);
  if (options.model.json) {
    print_as_json(contents);
  } else {
    print_as_text(contents, options.tensors);
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("inspect", "Show the architecture, sizes and tensors of a model");
  auto options = std::make_shared<InspectArguments>();
  add_model_argument(*command, options->model);
  command->add_flag("--tensors", options->tensors,
                    "List every tensor instead of one row for each kind");
  CLI::Option* picture = command
                             ->add_option("--outliers", options->picture,
                                          "Instead draw the values at a tap before and after a "
                                          "rotation, to a .png or .svg file")
                             ->type_name("FILE.png|FILE.svg")
                             ->check(is_picture_name);
  const auto for_picture = [&](CLI::Option* option) { option->needs(picture); };
  for_picture(command->add_option("--tap", options->tap, "Tap to draw, for example out_proj_input")
                  ->type_name("NAME")
                  ->check(is_tap_name)
                  ->capture_default_str());
  for_picture(
      command->add_option("--layer", options->layer, "Layer to draw; by default the middle one")
          ->type_name("N")
          ->check(kCount));
  for_picture(command
                  ->add_option("--file", options->file,
                               "File with the text to run; by default calibration.txt of the model")
                  ->type_name("FILE")
                  ->check(NotEmpty()));
  for_picture(
      command->add_option("--tokens", options->tokens, "Use at most this many tokens of the text")
          ->type_name("N")
          ->check(CLI::Range(1, 4096))
          ->capture_default_str());
  add_run_options(*command, options->model);
  for (const char* name : {"--tokenizer", "--threads"}) for_picture(command->get_option(name));
  command->callback([options] { inspect(*options); });
}

}  // namespace lightmamba::cli
