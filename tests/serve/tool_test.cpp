#include <string>

#include <gtest/gtest.h>

#include "support/http.h"
#include "support/subprocess.h"
#include "support/tools.h"

namespace glow::serve_tool_test {
namespace {

using namespace glow::testing;

const std::string kModel = std::string(GLOW_TEST_FIXTURES) + "/grey_lu_affine.model.safetensors";

TEST(GlowServe, OtherMachinesNeedATokenAndErrorsAreOneLine) {
  const auto refuses = [](const Arguments& arguments, int code, const std::string& part) {
    const auto outcome = call(tools::run_glow_serve, arguments);
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    return outcome.exit_code == code;
  };
  EXPECT_TRUE(refuses({kModel, "--host", "0.0.0.0"}, 2, "--host: '0.0.0.0' lets other machines use the server"));
  EXPECT_TRUE(refuses({kModel, "--host", "192.0.2.1", "--token", "x", "--port", "0"}, 1, "cannot be used"));
  EXPECT_TRUE(refuses({kModel, "--port", "70000"}, 2, "--port"));
  EXPECT_TRUE(refuses({kModel, "--token", "caf\xc3\xa9"}, 2, "--token: expected printable ASCII"));
  EXPECT_TRUE(refuses({kModel, "--token", "x", "--open"}, 2, "--open: with a token"));
  EXPECT_TRUE(refuses({"/missing.safetensors"}, 1, "/missing.safetensors"));
  EXPECT_TRUE(refuses({}, 2, "a model file"));
  EXPECT_EQ(call(tools::run_glow_serve, {"--help"}).exit_code, 0);
}

TEST(GlowServe, ServesUntilASignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Process server(command("glow-serve", {kModel, "--port", "0", "--threads", "1", "--device", "cpu"}));
    std::string line;
    ASSERT_TRUE(server.wait_until([&] { return (line = server.out()).find('\n') != std::string::npos; }))
        << server.err();
    const auto port = std::stoi(line.substr(line.find("127.0.0.1:") + 10));
    EXPECT_EQ(http(port, "GET", "/healthz").body, "ok\n");
    EXPECT_EQ(http(port, "POST", "/api/sample", "{}", {{"Content-Type", "application/json"}}).body.substr(1, 3), "PNG");
    server.send(signal);
    const auto outcome = server.wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
  }
}

}  // namespace
}  // namespace glow::serve_tool_test
