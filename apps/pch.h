// Precompiled for the command lines: what every room has, and their option parser, which is all headers.
#pragma once

#include <CLI/CLI.hpp>

#include "../src/pch.h"
