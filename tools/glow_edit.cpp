#include "tools/common/run_tool.h"
#include "tools/glow_tools.h"

int main(int argc, char** argv) { return glow::tools::run_main(argc, argv, glow::tools::run_glow_edit); }
