// What a simulation printed: figures for people or for programs.
#pragma once

#include <string>

#include "base/json.h"
#include "muster/simulate/load.h"

namespace muster::cli::simulate {

json::object report_json(const LoadResult& result);
std::string report_text(const LoadResult& result);

}  // namespace muster::cli::simulate
