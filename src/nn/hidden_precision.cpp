#include <glow/nn/hidden_precision.h>

#include <glow/enum_names.h>

namespace glow::nn {
namespace {

constexpr EnumNames<HiddenPrecision, 3> kPrecisionNames{{
    {"full", HiddenPrecision::kFull},
    {"tf32", HiddenPrecision::kTf32},
    {"bf16", HiddenPrecision::kBf16},
}};

}  // namespace

std::string to_string(HiddenPrecision precision) { return name_of(kPrecisionNames, precision); }

}  // namespace glow::nn
