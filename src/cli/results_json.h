// Results that more than one command prints, as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <lightmamba/evaluate.h>

namespace lightmamba::cli {

nlohmann::ordered_json task_json(const TaskResult& result);
// Of a quantizer with 4 bits.
nlohmann::ordered_json value_summary_json(const ValueSummary& summary);

}  // namespace lightmamba::cli
