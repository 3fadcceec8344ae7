#include "tools/common/open_model.h"

#include <glow/nn/model_file.h>

namespace glow::tools {

nn::Glow open_model(const std::filesystem::path& path, const Compute& compute) {
  auto model = nn::load_model(path, compute.device);
  model->to(compute.dtype);
  model->set_hidden_precision(compute.hidden);
  return model;
}

}  // namespace glow::tools
