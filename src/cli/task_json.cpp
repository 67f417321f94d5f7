#include "cli/task_json.h"

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

}  // namespace lightmamba::cli
