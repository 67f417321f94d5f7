#include "cli/results_json.h"

namespace lightmamba::cli {

nlohmann::ordered_json task_json(const TaskResult& result) {
  nlohmann::ordered_json json = {{"task", task_name(result.task)},
                                 {"accuracy", result.accuracy.value},
                                 {"stderr", result.accuracy.standard_error},
                                 {"n", result.n}};
  if (result.normalized_accuracy) {
    json["normalized_accuracy"] = result.normalized_accuracy->value;
    json["normalized_stderr"] = result.normalized_accuracy->standard_error;
  }
  if (result.perplexity) json["perplexity"] = *result.perplexity;
  return json;
}

nlohmann::ordered_json value_summary_json(const ValueSummary& summary) {
  return {{"largest", summary.largest},
          {"largest_over_rms", summary.largest / summary.rms},
          {"kurtosis", summary.kurtosis},
          {"error_4bit", summary.error}};
}

}  // namespace lightmamba::cli
