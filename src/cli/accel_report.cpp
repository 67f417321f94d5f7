#include <fmt/format.h>
#include <memory>
#include <optional>

#include "accel/runtime/activity.h"
#include "base/fail.h"
#include "base/gnuplot.h"
#include "cli/accel.h"
#include "cli/accel_options.h"
#include "eval/roofline_picture.h"
#include "eval/timeline_picture.h"

namespace lightmamba::cli {
namespace {

struct AccelReportArguments {
  AccelOptions accel;
  std::int64_t tokens = 2;
  std::filesystem::path timeline;     // empty: none
  std::filesystem::path roofline;     // empty: none
  std::optional<std::int64_t> layer;  // layer of the timeline; the middle one if absent
};

void check_pictures(const AccelReportArguments& options) {
  if (options.timeline.empty() && options.roofline.empty()) return;
  refuse_to_overwrite(options.timeline, options.accel.model);
  refuse_to_overwrite(options.roofline, options.accel.model);
  require_different_outputs(options.timeline, options.roofline);
  require_gnuplot();
}

std::int64_t layer_of_timeline(const AccelReportArguments& options, const Model& model) {
  const std::int64_t layers = model.config().n_layer;
  const std::int64_t layer = options.layer.value_or(layers / 2);
  if (layer >= layers) fail("there is no layer {}: the model has {}", layer, layers);
  return layer;
}

std::string core_name(const accel::Image& image) {
  return fmt::format("{}, {} order", image.hardware.name, accel::row_order_name(image.order));
}

// The last token is the one that the timeline shows.
accel::Usage simulate(const AccelReportArguments& options, const AccelModel& model,
                      accel::Accelerator& simulation, accel::ActivityRecorder& recorder) {
  TokenId token = model.model.config().bos_token_id.value_or(0);
  accel::Usage usage;
  for (std::int64_t i = 0; i < options.tokens; ++i) {
    if (!options.timeline.empty() && i + 1 == options.tokens) {
      simulation.set_activity_probe(
          [&](const accel::CycleActivity& cycle) { recorder.add(cycle); });
    }
    const accel::StepResult step = simulation.step(token, accel::Output::argmax);
    usage += step;
    token = step.argmax->token;
  }
  simulation.set_activity_probe({});
  return usage;
}

// A bucket is bucket_cycles cycles of the layer.
nlohmann::ordered_json timeline_json(const AccelReportArguments& options,
                                     const accel::LayerTimeline& timeline) {
  const accel::TokenPart& part = timeline.part;
  nlohmann::ordered_json json = {{"token", options.tokens - 1},
                                 {"layer", timeline.layer},
                                 {"cycles", part.cycles.cycles()},
                                 {"out_proj_begin", part.out_proj_begin - part.cycles.begin}};
  for (std::size_t i = 0; i < accel::kUnits.size(); ++i) {
    json["busy_cycles"][std::string(accel::kUnits[i].name)] = part.busy[i];
  }
  if (!options.accel.model.json) return json;
  json["bucket_cycles"] = accel::bucket_cycles(timeline, kTimelineBuckets);
  for (std::size_t i = 0; i < accel::kUnits.size(); ++i) {
    json["busy_in_buckets"][std::string(accel::kUnits[i].name)] =
        accel::busy_in_buckets(timeline, static_cast<accel::Unit>(i), kTimelineBuckets);
  }
  return json;
}

nlohmann::ordered_json roofline_json(const Roofline& roofline) {
  nlohmann::ordered_json json = {{"operations_per_byte", roofline.operations_per_byte},
                                 {"operations_per_cycle", roofline.operations_per_cycle},
                                 {"peak_operations_per_cycle", roofline.peak}};
  if (roofline.bytes_per_cycle > 0) json["bytes_per_cycle"] = roofline.bytes_per_cycle;
  return json;
}

void run(const AccelReportArguments& options) {
  check_pictures(options);
  AccelModel model = load_accel_model(options.accel);
  accel::ActivityRecorder recorder(layer_of_timeline(options, model.model));
  const auto simulation = with_context(options.accel.model.model.string(),
                                       [&] { return make_simulation(options.accel, model); });
  const accel::Usage usage = simulate(options, model, *simulation, recorder);
  const accel::Image& image = *model.image;
  nlohmann::ordered_json report = {{"preset", image.hardware.name}};
  report.update(performance(options.accel, usage));
  if (!options.timeline.empty()) {
    const accel::LayerTimeline timeline = recorder.timeline();
    draw_timeline(timeline,
                  fmt::format("Layer {} on {}: {} cycles", timeline.layer, core_name(image),
                              timeline.part.cycles.cycles()),
                  options.timeline);
    report["timeline"] = timeline_json(options, timeline);
  }
  if (!options.roofline.empty()) {
    const Roofline roofline = make_roofline(image.hardware, usage, bytes_per_cycle(options.accel));
    draw_roofline(roofline, fmt::format("The matrix unit of {}", core_name(image)),
                  options.roofline);
    report["roofline"] = roofline_json(roofline);
  }
  if (options.accel.model.json) return print_json(report);
  write_output(lines_of(report));
}

}  // namespace

void add_accel_report(CLI::App& accel) {
  CLI::App* command = accel.add_subcommand(
      "report", "Simulate tokens and report cycles, the work of the units and memory traffic");
  auto options = std::make_shared<AccelReportArguments>();
  add_accel_options(*command, options->accel);
  command
      ->add_option("--tokens", options->tokens,
                   "Number of tokens to run; each is the most likely successor of the one before")
      ->type_name("N")
      ->check(kPositiveCount)
      ->capture_default_str();
  CLI::Option* timeline =
      command
          ->add_option("--timeline", options->timeline,
                       "Draw when each unit works in one layer of the last token, to a .png or "
                       ".svg file; the report gets these numbers too")
          ->type_name("FILE.png|FILE.svg")
          ->check(is_picture_name);
  command->add_option("--layer", options->layer, "Layer of the timeline; by default the middle one")
      ->type_name("N")
      ->check(kCount)
      ->needs(timeline);
  command
      ->add_option("--roofline", options->roofline,
                   "Draw the operations per cycle and per byte of the matrix unit below the limits "
                   "of its multipliers and of --bandwidth, to a .png or .svg file")
      ->type_name("FILE.png|FILE.svg")
      ->check(is_picture_name);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli
