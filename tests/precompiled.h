// What most tests include and what costs most to read; see cmake/precompiled.h.
#pragma once

#include <ATen/ATen.h>
#include <glow/nn/glow.h>

#include "precompiled_plain.h"
