#include "tools/common/run_tool.h"
#include "tools/common/subcommands.h"
#include "tools/edit/commands.h"

namespace glow::tools {
namespace {

constexpr const char* kName = "glow-edit";

ToolText tool_text() {
  return {.name = kName,
          .purpose = "Edits real images through the exact latents of a Glow.",
          .closing =
              "Examples\n"
              "  glow-edit interpolate --model faces.safetensors --images a.png,b.png --out morph.apng --frames 30\n"
              "  glow-edit directions --model faces.safetensors --data folder:celeba --attributes "
              "list_attr_celeba.txt --out faces.directions.safetensors\n"};
}

int run(int argc, char** argv) {
  return run_subcommand(tool_text(),
                        {encode_command(), decode_command(), reconstruct_command(), interpolate_command(),
                         directions_command(), apply_command(), vary_command()},
                        argc, argv);
}

}  // namespace
}  // namespace glow::tools

int main(int argc, char** argv) {
  return glow::tools::run_tool(glow::tools::kName, [&] { return glow::tools::run(argc, argv); });
}
