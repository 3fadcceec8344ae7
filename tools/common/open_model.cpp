#include "tools/common/open_model.h"

namespace glow::tools {

nn::Glow open_model(const std::filesystem::path& path, const Compute& compute, nn::ModelInfo* info) {
  auto model = nn::load_model(path, compute.device, info);
  model->to(compute.dtype);
  model->set_hidden_precision(compute.hidden);
  return model;
}

}  // namespace glow::tools
