// Precompiled for the tests: what every room has, and the test framework.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../src/pch.h"
