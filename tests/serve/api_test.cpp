#include "tools/serve/api.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/data/image_grid.h>
#include <glow/data/images.h>
#include <glow/evaluate/score.h>
#include <glow/io/image.h>
#include <glow/nn/model_file.h>

#include "support/files.h"
#include "support/pictures.h"
#include "support/temporary_directory.h"
#include "support/tensors.h"
#include "support/tools.h"

namespace glow::serve_api_test {
namespace {

using namespace glow::testing;
using json = nlohmann::ordered_json;
using tools::ApiRequest;
using tools::ApiResponse;

class ServedApi {
 public:
  explicit ServedApi(const std::string& name, const tools::ApiLimits& limits = {})
      : file(std::string(GLOW_TEST_FIXTURES) + "/" + name + ".model.safetensors"),
        model(nn::load_model(file)),
        api_(nn::load_model(file), nn::read_model_info(file), {.model = file}, directions(), {.batch = 4}, limits) {}

  ApiResponse post(const std::string& path, const json& body, bool accepts_json = true) {
    return api_.answer({.method = "POST",
                        .path = path,
                        .content_type = "application/json",
                        .body = body.dump(),
                        .accepts_json = accepts_json});
  }
  ApiResponse answer(const ApiRequest& request) { return api_.answer(request); }
  ApiResponse get(const std::string& path, const std::vector<std::pair<std::string, std::string>>& query = {}) {
    return api_.answer({.method = "GET", .path = path, .query = query});
  }
  void compare_with(const torch::Tensor& images) { api_.compare_with({"images", images}); }
  /// The images of the answer to a request that succeeds.
  json images(const ApiResponse& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body).at("images");
  }
  json post_images(const std::string& path, const json& body) { return images(post(path, body)); }
  ApiResponse upload(const std::string& path, const std::vector<images::EncodedFile>& files,
                     const std::vector<std::pair<std::string, std::string>>& query = {}) {
    return api_.answer({.method = "POST", .path = path, .files = files, .query = query});
  }
  /// uint8 [N, C, H, W]
  torch::Tensor samples(std::int64_t count) const {
    const torch::NoGradGuard no_grad;
    return model->quantizer().to_bytes(model->sample(count, {.temperature = 0.7}));
  }
  /// PNG files of these samples.
  std::vector<images::EncodedFile> pictures(std::int64_t count) const {
    const auto bytes = samples(count);
    std::vector<images::EncodedFile> files;
    for (std::int64_t i = 0; i < count; ++i) {
      files.push_back({"image " + std::to_string(i), io::encode_png(data::to_image(bytes[i]))});
    }
    return files;
  }

  std::string file;
  nn::Glow model;

 private:
  latent::Directions directions() const {
    const auto d = model->options().dimensions();
    return {
        {"up", "down"}, at::stack({torch::full({d}, 0.1), torch::full({d}, -0.1)}), torch::ones({2, 2}, torch::kLong)};
  }

  tools::Api api_;
};

const std::string kColour = "colour_conv1x1_affine", kConditional = "conditional_conv1x1_affine";

TEST(Api, DescribesTheModel) {
  ServedApi served(kColour);
  const auto answer = served.answer({.method = "GET", .path = "/api/model"});
  const auto model = json::parse(answer.body);
  EXPECT_EQ(model.at("model").at("levels"), served.model->options().levels);
  EXPECT_EQ(model.at("directions"), json({"up", "down"}));
  EXPECT_EQ(model.at("checksum"), nn::read_model_info(served.file).checksum);
}

TEST(Api, SampleGivesTheBytesOfGlowSample) {
  for (const auto& name : {kColour, kConditional}) {
    ServedApi served(name);
    const TemporaryDirectory directory;
    const auto grid = (directory / "grid.png").string();
    ASSERT_EQ(call(tools::run_glow_sample, {served.file, "--count", "4", "--columns", "2", "--temperature", "0.7",
                                            "--seed", "3", "--out", grid})
                  .exit_code,
              0);
    const auto answer = served.post("/api/sample", {{"count", 4}, {"columns", 2}, {"temperature", 0.7}, {"seed", 3}},
                                    /*accepts_json=*/false);
    EXPECT_EQ(answer.content_type, "image/png");
    EXPECT_EQ(answer.body, get(grid));
    ASSERT_EQ(answer.headers.size(), 1u);
    EXPECT_NE(answer.headers[0].second.find("glow-sample "), std::string::npos);
    EXPECT_NE(answer.headers[0].second.find(" --count 4 --columns 2 --temperature 0.7 --seed 3"), std::string::npos);
  }
}

TEST(Api, TemperaturesOfLevelsAreALists) {
  ServedApi served(kColour);
  const auto one = served.post_images("/api/sample", {{"temperature", json::array({0.5, 0.5})}});
  const auto same = served.post_images("/api/sample", {{"temperature", 0.5}}),
             other = served.post_images("/api/sample", {{"temperature", {0.5, 0.9}}});
  EXPECT_EQ(one[0].at("png"), same[0].at("png"));
  EXPECT_NE(one[0].at("png"), other[0].at("png"));
}

TEST(Api, UploadsComeBackFromTheirLatents) {
  ServedApi served(kColour);
  const auto encoded = served.images(served.upload("/api/encode", served.pictures(3)));
  ASSERT_EQ(encoded.size(), 3u);
  json ids;
  for (const auto& image : encoded) ids.push_back(image.at("id"));
  const auto decoded = served.post_images("/api/decode", {{"ids", ids}});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(decoded[i].at("png"), encoded[i].at("png")) << i;
  EXPECT_EQ(encoded[1].at("name"), "image 1");
  EXPECT_EQ(served.post("/api/decode", {{"ids", {"0123"}}}).status, 404);
}

TEST(Api, EditsMoveAlongDirectionsAndDrawLevelsAnew) {
  ServedApi served(kColour);
  const auto image = served.post_images("/api/sample", {{"count", 1}, {"seed", 5}})[0];
  const json ids{image.at("id")};
  const auto edited = [&](json body) {
    body["ids"] = ids;
    return served.post_images("/api/edit", body)[0].at("png");
  };
  EXPECT_EQ(edited({}), image.at("png"));
  EXPECT_NE(edited({{"direction", {"up"}}, {"strengths", {1}}}), image.at("png"));
  EXPECT_EQ(edited({{"direction", {"up", "down"}}, {"strengths", {1.5, 1.5}}}), image.at("png"));
  EXPECT_NE(edited({{"amount", {1, 0}}, {"seed", 1}}), image.at("png"));
  EXPECT_EQ(edited({{"amount", 0.5}, {"seed", 1}}), edited({{"amount", 0.5}, {"seed", 1}}));
  EXPECT_NE(edited({{"amount", 0.5}, {"seed", 1}}), edited({{"amount", 0.5}, {"seed", 2}}));
  EXPECT_EQ(served.post("/api/edit", {{"ids", ids}, {"direction", {"left"}}, {"strengths", {1}}}).status, 400);
  EXPECT_EQ(served.post("/api/edit", {{"ids", ids}, {"direction", {"up"}}}).status, 400);
}

TEST(Api, MixesTwoOrFourImages) {
  ServedApi served(kColour);
  const auto samples = served.post_images("/api/sample", {{"count", 4}, {"seed", 5}});
  json ids;
  for (const auto& image : samples) ids.push_back(image.at("id"));
  const auto mixed = [&](const json& of, const json& at) {
    return served.post_images("/api/mix", {{"ids", of}, {"at", at}})[0].at("png");
  };
  EXPECT_EQ(mixed({ids[0], ids[1]}, {0}), samples[0].at("png"));
  EXPECT_EQ(mixed({ids[0], ids[1]}, {1}), samples[1].at("png"));
  EXPECT_EQ(mixed(ids, {1, 0}), samples[1].at("png"));
  EXPECT_EQ(mixed(ids, {0, 1}), samples[2].at("png"));
  EXPECT_EQ(mixed(ids, {1, 1}), samples[3].at("png"));
  EXPECT_NE(mixed(ids, {0.5, 0.5}), samples[0].at("png"));
  const auto path = served.post_images("/api/mix", {{"ids", {ids[0], ids[1], ids[2]}}, {"points", 3}});
  ASSERT_EQ(path.size(), 5u);
  EXPECT_EQ(path[2].at("png"), samples[1].at("png"));
  EXPECT_EQ(served.post("/api/mix", {{"ids", {ids[0]}}}).status, 400);
  EXPECT_EQ(served.post("/api/mix", {{"ids", ids}, {"at", {0.5}}}).status, 400);
  EXPECT_EQ(served.post("/api/mix", {{"ids", {ids[0], ids[1]}}, {"at", {2}}}).status, 400);
}

TEST(Api, ScoresAreThoseOfTheLibrary) {
  for (const auto& name : {kColour, kConditional}) {
    ServedApi served(name);
    const auto files = served.pictures(5);
    const auto scored = served.images(served.upload("/api/score", files, {{"draws", "2"}, {"seed", "4"}}));
    const auto source = images::memory_images(files, static_cast<int>(served.model->options().channels));
    const auto options = served.model->options();
    const data::Images images(source,
                              {.height = static_cast<int>(options.height), .width = static_cast<int>(options.width)});
    const auto expected = evaluate::score(
        served.model, images, {.draws = 2, .seed = 4, .classes = evaluate::ClassDensity::kMarginal, .compress = true});
    for (std::int64_t i = 0; i < 5; ++i) {
      const auto& image = scored[static_cast<std::size_t>(i)];
      EXPECT_NEAR(image.at("bits_per_dim").get<double>(), expected.bits_per_dim[i].item<double>(), 1e-5);
      EXPECT_EQ(image.at("png_bits_per_dim").get<double>(), expected.png_bits_per_dim[i].item<double>());
      if (options.num_classes == 0) continue;
      double sum = 0;
      for (const auto& probability : image.at("classes")) sum += probability.get<double>();
      EXPECT_NEAR(sum, 1, 1e-9);
    }
  }
}

TEST(Api, TheCommandOfASampleGivesItsCount) {
  ServedApi served(kColour);
  const auto answer = served.post("/api/sample", json::object(), false);
  const auto command = std::find_if(answer.headers.begin(), answer.headers.end(),
                                    [](const auto& header) { return header.first == "X-Glow-Command"; });
  ASSERT_NE(command, answer.headers.end());
  EXPECT_NE(command->second.find(" --count 1"), std::string::npos) << command->second;
}

TEST(Api, ClassesAreNamedOrNumbered) {
  ServedApi served(kConditional);
  const auto one = served.post_images("/api/sample", {{"class", 1}, {"count", 2}}),
             two = served.post_images("/api/sample", {{"class", 2}, {"count", 2}});
  EXPECT_NE(one[0].at("png"), two[0].at("png"));
  EXPECT_EQ(one[0].at("class"), one[1].at("class"));
  EXPECT_NE(one[0].at("class"), two[0].at("class"));
  EXPECT_EQ(served.post("/api/sample", {{"class", "none of them"}}).status, 400);
  EXPECT_EQ(served.upload("/api/encode", served.pictures(1)).status, 400);
  EXPECT_EQ(served.upload("/api/encode", served.pictures(1), {{"class", "1"}}).status, 200);
}

TEST(Api, ScoresAreRankedAmongTheReferences) {
  ServedApi served(kColour);
  EXPECT_TRUE(json::parse(served.get("/api/model").body).at("reference").is_null());
  EXPECT_EQ(served.get("/api/reference").status, 404);
  const auto files = served.pictures(5);
  EXPECT_FALSE(served.images(served.upload("/api/score", files))[0].contains("rank"));

  served.compare_with(served.samples(5));
  const auto reference = json::parse(served.get("/api/model").body).at("reference");
  EXPECT_EQ(reference.at("source"), "images");
  EXPECT_EQ(reference.at("images"), 5);
  const auto scored = served.images(served.upload("/api/score", files));
  for (const auto& [score, rank] : {std::pair{"bits_per_dim", "rank"}, {"complexity_corrected", "complexity_rank"}}) {
    std::vector<double> expected;
    for (const auto& image : scored) expected.push_back(image.at(score));
    std::sort(expected.begin(), expected.end());
    const auto sorted = reference.at(score).get<std::vector<double>>();
    ASSERT_EQ(sorted.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(sorted[i], expected[i], 1e-6);
    // Each image is one of the references.
    for (const auto& image : scored) {
      const auto smaller = std::count_if(sorted.begin(), sorted.end(), [&, score = score](double other) {
        return other < image.at(score).get<double>();
      });
      EXPECT_EQ(image.at(rank), static_cast<double>(smaller) / 5);
    }
  }
  EXPECT_EQ(served.get("/api/reference", {{"index", "3"}}).body, files[3].bytes);
  for (const char* index : {"5", "-1"}) EXPECT_EQ(served.get("/api/reference", {{"index", index}}).status, 404);
  EXPECT_EQ(served.get("/api/reference", {{"index", "x"}}).status, 400);
}

/// Values that a field of a request may wrongly have.
json random_value(std::mt19937& random, const std::string& id) {
  const std::vector<json> values{nullptr,
                                 true,
                                 -1,
                                 0,
                                 3,
                                 1e300,
                                 0.5,
                                 "",
                                 "auto",
                                 "../../etc/passwd",
                                 id,
                                 "1,2,3",
                                 "up",
                                 json::array(),
                                 {0.5, 0.5},
                                 {"up", "down"},
                                 {id, id},
                                 {id, id, id, id},
                                 json::object(),
                                 {nullptr},
                                 std::string(5000, '9'),
                                 "\xff\n"};
  return values[random() % values.size()];
}

/// Bytes that are no UTF-8 are replaced.
std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

TEST(Api, RandomRequestsAreAnsweredOrRefused) {
  ServedApi served(kColour, {.images = 8, .kept = 16});
  const auto id = served.post_images("/api/sample", {{"count", 1}})[0].at("id").get<std::string>();
  const auto picture = served.pictures(1)[0].bytes;
  const std::vector<std::string> fields{"count",  "columns",   "temperature", "class",  "seed",
                                        "ids",    "direction", "strengths",   "amount", "at",
                                        "points", "kind",      "draws",       "index",  "other"},
      paths{"/api/model", "/api/sample", "/api/encode", "/api/decode",
            "/api/edit",  "/api/mix",    "/api/score",  "/api/reference"};
  std::mt19937 random(1);
  std::map<int, int> statuses;
  for (int i = 0; i < 3000; ++i) {
    json body = json::object();
    ApiRequest request{.method = random() % 8 == 0 ? "GET" : "POST",
                       .path = paths[random() % paths.size()],
                       .content_type = random() % 8 == 0 ? "image/png" : "application/json",
                       .accepts_json = random() % 2 == 0};
    if (random() % 2 == 0) body["ids"] = {id};
    for (auto count = random() % 4; count > 0; --count) {
      const auto value = random_value(random, id);
      body[fields[random() % fields.size()]] = value;
      if (random() % 4 == 0) request.query.emplace_back(fields[random() % fields.size()], text_of(value));
    }
    request.body = text_of(body);
    const bool takes_images = request.path == "/api/encode" || request.path == "/api/score";
    if (takes_images && random() % 2 == 0) request.body = picture;
    // Some bytes are wrong, or the end is missing.
    if (random() % 4 == 0 && !request.body.empty()) {
      request.body[random() % request.body.size()] = static_cast<char>(random());
      if (random() % 2 == 0) request.body.resize(random() % request.body.size());
    }
    const auto answer = served.answer(request);
    ++statuses[answer.status];
    if (answer.status == 200) continue;
    const auto error = json::parse(answer.body).at("error").get<std::string>();
    EXPECT_TRUE(answer.status == 400 || answer.status == 404 || answer.status == 405 || answer.status == 422)
        << answer.status << " " << error << " " << request.path << " " << request.body;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
  EXPECT_GT(statuses[200], 100);
  EXPECT_GT(statuses[400], 1000);
}

TEST(Api, WrongRequestsAreAnsweredInOneLine) {
  ServedApi served(kColour, {.images = 8, .kept = 4});
  const auto is_refused = [&](const ApiResponse& answer, int status, const std::string& part) {
    const auto error = json::parse(answer.body).at("error").get<std::string>();
    EXPECT_NE(error.find(part), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    return answer.status == status;
  };
  EXPECT_TRUE(is_refused(served.answer({.method = "GET", .path = "/../../etc/passwd"}), 404, "/api/model"));
  EXPECT_TRUE(is_refused(served.answer({.method = "GET", .path = "/api/sample"}), 405, "POST"));
  EXPECT_TRUE(is_refused(served.answer({.method = "POST", .path = "/api/sample", .body = "{}"}), 400, "Content-Type"));
  for (const char* body : {"", "[]", "{", "null", "{\"a\": 1", "\xff", "{\"count\": NaN}", "1e999"}) {
    const ApiRequest request{.method = "POST", .path = "/api/sample", .content_type = "application/json", .body = body};
    EXPECT_TRUE(is_refused(served.answer(request), 400, "JSON object")) << body;
  }
  const auto sample = [&](const json& body) { return served.post("/api/sample", body); };
  EXPECT_TRUE(is_refused(sample({{"count", 0}}), 400, "count: expected 1 to 8"));
  EXPECT_TRUE(is_refused(sample({{"count", 9}}), 400, "count: expected 1 to 8"));
  EXPECT_TRUE(is_refused(sample({{"count", 1e30}}), 400, "count"));
  EXPECT_TRUE(is_refused(sample({{"count", {1, 2}}}), 400, "count"));
  EXPECT_TRUE(is_refused(sample({{"count", nullptr}}), 400, "count"));
  EXPECT_TRUE(is_refused(sample({{"columns", 1000000}}), 400, "columns"));
  EXPECT_TRUE(is_refused(sample({{"temperature", -1}}), 400, "temperature"));
  EXPECT_TRUE(is_refused(sample({{"temperature", {1, 1, 1}}}), 400, "temperature"));
  EXPECT_TRUE(is_refused(sample({{"temperature", "x"}}), 400, "temperature"));
  EXPECT_TRUE(is_refused(sample({{"seed", -1}}), 400, "seed"));
  EXPECT_TRUE(is_refused(sample({{"another\nname", 1}}), 400, "is unknown; expected count, columns"));
  EXPECT_TRUE(is_refused(sample({{"out", "/tmp/x.png"}}), 400, "out: is unknown"));
  EXPECT_TRUE(is_refused(served.upload("/api/encode", {{"a", "no image"}}), 400, "a"));
  EXPECT_TRUE(is_refused(served.upload("/api/encode", {}), 400, "images: expected 1 to 8"));
  EXPECT_TRUE(is_refused(served.upload("/api/score", served.pictures(1), {{"draws", "65"}}), 400, "draws"));
  EXPECT_TRUE(is_refused(served.upload("/api/score", served.pictures(1), {{"model", "x"}}), 400, "unknown"));
  const io::Image small{{2, 2, 3}, std::vector<std::uint8_t>(12)};
  EXPECT_TRUE(is_refused(served.upload("/api/encode", {{"small", io::encode_png(small)}}), 400, "small"));
}

TEST(Api, OldLatentsAreDropped) {
  ServedApi served(kColour, {.images = 8, .kept = 4});
  const auto first = served.post_images("/api/sample", {{"count", 1}})[0].at("id");
  served.post_images("/api/sample", {{"count", 3}});
  EXPECT_EQ(served.post("/api/edit", {{"ids", {first}}}).status, 200);  // and keeps one more
  served.post_images("/api/sample", {{"count", 4}});
  EXPECT_EQ(served.post("/api/decode", {{"ids", {first}}}).status, 404);
}

}  // namespace
}  // namespace glow::serve_api_test
