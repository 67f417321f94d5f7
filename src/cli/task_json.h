// The result of a task as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <lightmamba/evaluate.h>

namespace lightmamba::cli {

nlohmann::ordered_json task_json(const TaskResult& result);

}  // namespace lightmamba::cli
