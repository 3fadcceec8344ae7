#include "tools/common/command_line.h"
#include "tools/common/processes.h"
#include "tools/edit/commands.h"
#include "tools/glow_tools.h"

namespace glow::tools {
namespace {

ToolText edit_text() {
  return {.name = "glow-edit",
          .purpose = "Edits real images through the exact latents of a Glow.",
          .closing =
              "Examples\n"
              "  glow-edit interpolate faces.safetensors a.png b.png --out morph.apng --frames 30\n"
              "  glow-edit directions faces.safetensors folder:celeba --attributes list_attr_celeba.txt \\\n"
              "    --out faces.directions.safetensors\n",
          .saves_memory = "a smaller --batch"};
}

}  // namespace

int run_glow_edit(Arguments arguments, Console& console) {
  const auto text = edit_text();
  return run_tool(text, console, [&] {
    return run_subcommand(text,
                          {encode_command(), decode_command(), reconstruct_command(), interpolate_command(),
                           directions_command(), apply_command(), vary_command()},
                          arguments, console);
  });
}

}  // namespace glow::tools
