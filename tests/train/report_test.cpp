#include <glow/train/run_directory.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/io/base64.h>

#include "io/digest.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/throws.h"
#include "train/run_files.h"

namespace glow::train::report_test {
namespace {

using glow::testing::get;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using Json = nlohmann::json;
namespace fs = std::filesystem;

std::string written_report(const RunDirectory& run) {
  write_report(run);
  return get(run.report());
}

/// The JSON data in the page.
Json data_of(const std::string& page) {
  const std::string before = "<script id=\"data\" type=\"application/json\">";
  const auto begin = page.find(before) + before.size();
  return Json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

std::string picture(std::string_view bytes) { return "data:image/png;base64," + io::base64(bytes); }

std::int64_t count(const std::string& text, std::string_view part) {
  std::int64_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

class Report : public ::testing::Test {
 protected:
  void put_grid(std::int64_t step, std::string_view bytes) { put(run_.samples() / (step_name(step) + ".png"), bytes); }

  TemporaryDirectory directory_;
  RunDirectory run_ = [this] {
    const RunDirectory run(directory_ / "faces");
    run.create();
    return run;
  }();
};

TEST_F(Report, ContainsTheRecordAndPicturesOfTheRun) {
  put(run_.config(), R"({"tool": "glow-train", "model": {"levels": 3}})");
  put(run_.metrics(),
      "{\"step\":1,\"bits_per_dim\":5.123456789}\n"
      "{\"step\":2,\"bits_per_dim\":null,\"skipped\":true}\n"
      "{\"step\":3,\"bits_per_dim\":4,\"gradient_norm\":1e-30}\n"
      "{\"step\":3,\"valid_bits_per_dim\":4.5,\"valid_non_finite\":0}\n"
      "{\"step\":3,\"rollbacks\":1,\"from_step\":9,\"not_finite\":\"levels.0\"}\n");
  put(run_.timing(), "{\"step\":3,\"images_per_second\":77}\n");
  put_grid(2, "two");
  put_grid(10, "ten");
  put(run_.samples() / "step-mine.png", "not a grid");
  put(run_.temperatures(), "cold to hot");
  put(run_.levels(), "fine to coarse");
  const auto data = data_of(written_report(run_));
  EXPECT_EQ(data["name"], "faces");
  EXPECT_EQ(data["config"], get(run_.config()));
  const auto& record = data["record"];
  EXPECT_EQ(record["curves"]["bits_per_dim"], (Json{{"steps", {1, 3}}, {"values", {5.12346, 4}}, {"missing", 1}}));
  EXPECT_EQ(record["curves"]["bits_per_dim_smoothed"]["steps"], (Json{1, 3}));
  EXPECT_EQ(record["curves"]["gradient_norm"]["values"], Json{1e-30});
  EXPECT_EQ(record["curves"]["images_per_second"]["values"], Json{77});
  EXPECT_EQ(record["skipped"], 1);
  EXPECT_EQ(record["skipped_steps"], Json{2});
  EXPECT_EQ(record["rollbacks"][0]["not_finite"], "levels.0");
  EXPECT_EQ(record["last_step"], 3);
  EXPECT_EQ(record["best_step"], 3);
  EXPECT_EQ(data["grids"]["count"], 2);
  EXPECT_EQ(data["grids"]["shown"],
            (Json{{{"step", 2}, {"image", picture("two")}}, {{"step", 10}, {"image", picture("ten")}}}));
  EXPECT_EQ(data["pictures"]["temperatures"]["image"], picture("cold to hot"));
  EXPECT_EQ(data["pictures"]["temperatures"]["rows"], (Json{0.0, 0.5, 0.7, 0.9, 1.0}));
  EXPECT_EQ(data["pictures"]["levels"]["image"], picture("fine to coarse"));
  EXPECT_EQ(data["pictures"]["interpolations"]["image"], "");
}

TEST_F(Report, DependsOnTheContentOfTheDirectoryOnly) {
  const auto empty = written_report(run_);
  put(run_.metrics(), "{\"step\":1,\"bits_per_dim\":5}\n");
  const auto first = written_report(run_);
  EXPECT_NE(first, empty);
  EXPECT_TRUE(written_report(run_) == first);
  EXPECT_TRUE(written_report(RunDirectory(directory_.path() / "faces" / ".." / "faces" / "")) == first);
  put_grid(1, "one");
  EXPECT_FALSE(written_report(run_) == first);
}

void expect_self_contained(const std::string& page) {
  EXPECT_EQ(page.rfind("<!doctype html>", 0), 0U);
  EXPECT_TRUE(page.ends_with("</html>\n"));
  // The namespace of SVG elements is a name, not an address that is opened.
  EXPECT_EQ(count(page, "http://"), count(page, "http://www.w3.org/2000/svg"));
  EXPECT_EQ(count(page, "https://"), 0);
  EXPECT_EQ(count(page, "<link"), count(page, "<link rel=\"icon\" href=\"data:,\">"));
  EXPECT_EQ(count(page, " src="), 0);
  EXPECT_EQ(count(page, "@import") + count(page, "url(\"") + count(page, "innerHTML"), 0);
  EXPECT_EQ(count(page, "default-src 'none'; img-src data:; style-src 'sha256-"), 1);
  EXPECT_EQ(count(page, "{{"), 0);
}

TEST_F(Report, IsSelfContained) {
  put_grid(1, "one");
  expect_self_contained(written_report(run_));
}

TEST_F(Report, IsSelfContainedWithRollbacksAndManyGrids) {
  std::string metrics;
  for (std::int64_t step = 1; step <= 100; ++step) {
    const bool skipped = step > 90;
    Json line{{"step", step}, {"bits_per_dim", skipped ? Json() : Json(4 - 0.01 * static_cast<double>(step))}};
    if (skipped) line["skipped"] = true;
    metrics += line.dump() + "\n";
    if (step % 30 == 0) {
      const Json back{{"step", step}, {"rollbacks", step / 30}, {"from_step", step + 7}, {"not_finite", "levels.0"}};
      metrics += back.dump() + "\n";
    }
    if (step % 2 == 0) put_grid(step, "grid " + std::to_string(step));
  }
  put(run_.metrics(), metrics);
  const auto page = written_report(run_);
  expect_self_contained(page);
  const auto data = data_of(page);
  EXPECT_EQ(data["record"]["skipped"], 10);
  EXPECT_EQ(data["record"]["curves"]["bits_per_dim"]["missing"], 10);
  ASSERT_EQ(data["record"]["rollbacks"].size(), 3U);
  EXPECT_EQ(data["record"]["rollbacks"][2]["from_step"], 97);
  EXPECT_EQ(data["grids"]["count"], 50);
  EXPECT_EQ(data["grids"]["shown"].size(), 40U);
}

TEST_F(Report, EscapesMarkupInTexts) {
  const std::string hostile = "</script><script>alert(1)</script><!-- {{script}} \"'&\\u003c\\";
  const auto plain = written_report(run_);
  const RunDirectory run(directory_ / "<img src=x onerror=alert(1)> <!--");
  run.create();
  put(run.config(), Json{{"options", {{hostile, hostile}}}}.dump());
  put(run.metrics(), Json{{"step", 1}, {hostile, 2}, {"largest_scale_name", hostile}}.dump() + "\n");
  const auto page = written_report(run);
  for (const auto* markup : {"<script", "</script", "<!--", "<img", "alert(1)</"}) {
    EXPECT_EQ(count(page, markup), count(plain, markup)) << markup;
  }
  const auto data = data_of(page);
  EXPECT_EQ(data["name"], run.root().filename().string());
  EXPECT_EQ(Json::parse(data["config"].get<std::string>())["options"][hostile], hostile);
  EXPECT_EQ(data["record"]["curves"][hostile]["values"], Json{2});
  EXPECT_EQ(data["record"]["texts"]["largest_scale_name"], hostile);
}

TEST_F(Report, ReplacesInvalidUtf8) {
  put(run_.config(), "\xff{");
  EXPECT_EQ(data_of(written_report(run_))["config"], "\xef\xbf\xbd{");
}

TEST_F(Report, SizeIsBoundedForLongRuns) {
  std::string metrics;
  for (int step = 1; step <= 50'000; ++step) {
    const auto bits = step == 31'337 ? 99 : 3 + std::sin(step);
    metrics += Json{{"step", step}, {"bits_per_dim", bits}, {"gradient_norm", bits}}.dump() + "\n";
  }
  put(run_.metrics(), metrics);
  for (std::int64_t step = 100; step <= 50'000; step += 100) put_grid(step, std::string(1000, 'x'));
  const auto page = written_report(run_);
  EXPECT_LT(page.size(), 400'000U);
  const auto data = data_of(page);
  for (const auto* key : {"bits_per_dim", "bits_per_dim_smoothed", "gradient_norm"}) {
    EXPECT_LE(data["record"]["curves"][key]["steps"].size(), 2000U);
  }
  const auto steps = data["record"]["curves"]["bits_per_dim"]["steps"].get<std::vector<int>>();
  EXPECT_EQ(std::ranges::count(steps, 31'337), 1);
  const auto& grids = data["grids"];
  EXPECT_EQ(grids["count"], 500);
  EXPECT_EQ(grids["shown"].size(), 40U);
  EXPECT_EQ(grids["shown"].front()["step"], 100);
  EXPECT_EQ(grids["shown"].back()["step"], 50'000);
  for (std::size_t i = 1; i < 40; ++i) {
    const auto apart = grids["shown"][i]["step"].get<int>() - grids["shown"][i - 1]["step"].get<int>();
    EXPECT_TRUE(apart == 1200 || apart == 1300) << apart;
  }
}

TEST_F(Report, ShowsFewerLargeGrids) {
  for (std::int64_t step = 1; step <= 9; ++step) put_grid(step, std::string(std::size_t{3} << 20, 'x'));
  const auto page = written_report(run_);
  EXPECT_LT(page.size(), std::size_t{22} << 20);
  EXPECT_EQ(data_of(page)["grids"]["shown"].size(), 5U);
}

TEST_F(Report, LeavesOutAMissingGrid) {
  put_grid(2, "two");
  fs::create_symlink("nowhere", run_.samples() / (step_name(4) + ".png"));
  const auto shown = data_of(written_report(run_))["grids"]["shown"];
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0]["step"], 2);
}

TEST_F(Report, AcceptsAnEmptyRun) {
  const RunDirectory nothing(directory_ / "nothing");
  fs::create_directory(nothing.root());
  const auto data = data_of(written_report(nothing));
  EXPECT_EQ(data["config"], "");
  EXPECT_EQ(data["record"]["curves"], Json::object());
  EXPECT_FALSE(data["record"].contains("best_step"));
  EXPECT_EQ(data["grids"], (Json{{"count", 0}, {"shown", Json::array()}}));
}

TEST_F(Report, NamesAnUnwritableFile) {
  const RunDirectory missing(directory_ / "missing");
  EXPECT_TRUE(throws<IoError>([&] { write_report(missing); }, {"cannot write", missing.report().string()}));
  fs::create_directory(run_.report());
  EXPECT_TRUE(throws<IoError>([&] { write_report(run_); }, {"cannot write", run_.report().string()}));
}

}  // namespace
}  // namespace glow::train::report_test
