// What most tests include and what costs most to read, none of it ours; see cmake/precompiled.h.
#pragma once

#include <ATen/ATen.h>

#include "cmake/precompiled.h"
#include "precompiled_plain.h"
