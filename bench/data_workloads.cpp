#include "bench/data_workloads.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <utility>

#include <jpeglib.h>
#include <png.h>

#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/io/image.h>

#include "images/array.h"
#include "tests/support/jpeg.h"

namespace glow::bench {
namespace {

namespace fs = std::filesystem;

/// Noise of photographs' statistics, RGB: neighbouring pixels correlate by 0.95 (a separable Markov field), so that a
/// PNG file has half of the bytes of the pixels.
io::Image make_photograph(int side, std::uint32_t seed) {
  constexpr float kCorrelation = 0.95F, kGrey = 9, kColour = 4;
  std::mt19937 random(seed);
  const auto noise = [&](float width) { return width * (static_cast<float>(random()) / 4294967296.0F - 0.5F); };
  const std::size_t row = 3 * (static_cast<std::size_t>(side) + 1);
  std::vector<float> above(row), here(row);
  io::Image image{{side, side, 3}, {}};
  for (int y = 0; y < side; ++y) {
    for (std::size_t x = 3; x < row; x += 3) {
      const float grey = noise(kGrey);
      for (std::size_t i = x; i < x + 3; ++i) {
        const float predicted = kCorrelation * (here[i - 3] + above[i]) - kCorrelation * kCorrelation * above[i - 3];
        here[i] = predicted + grey + noise(kColour);
        image.pixels.push_back(static_cast<std::uint8_t>(std::clamp(here[i] + 128, 0.0F, 255.0F)));
      }
    }
    std::swap(above, here);
  }
  return image;
}

std::string encode_jpeg(const io::Image& image) {
  return testing::encode_jpeg(image, {.sampling = "2x2", .quality = 92});
}

// What decoding takes at least: no checks of errors, and memory that is allocated once.

struct FreeFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

const std::vector<unsigned char>& read_alone(const fs::path& path) {
  static thread_local std::vector<unsigned char> bytes;
  const std::unique_ptr<std::FILE, FreeFile> file(std::fopen(path.c_str(), "rb"));
  if (!file) throw IoError(path.string() + ": cannot read");
  std::setvbuf(file.get(), nullptr, _IONBF, 0);
  std::fseek(file.get(), 0, SEEK_END);
  bytes.resize(static_cast<std::size_t>(std::ftell(file.get())));
  std::rewind(file.get());
  if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) throw IoError(path.string() + ": short");
  return bytes;
}

void decode_png_alone(const fs::path& path) {
  static thread_local std::vector<png_byte> pixels;
  static thread_local std::vector<png_bytep> rows;
  const auto& bytes = read_alone(path);
  const png_byte* next = bytes.data();
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_read_fn(png, &next, [](png_structp reader, png_bytep destination, std::size_t count) {
    auto& unread = *static_cast<const png_byte**>(png_get_io_ptr(reader));
    std::memcpy(destination, unread, count);
    unread += count;
  });
  png_read_info(png, info);
  const std::size_t row_bytes = png_get_rowbytes(png, info), height = png_get_image_height(png, info);
  pixels.resize(height * row_bytes);
  rows.resize(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = pixels.data() + y * row_bytes;
  png_read_image(png, rows.data());
  png_destroy_read_struct(&png, &info, nullptr);
}

/// A decompressor of libjpeg, which keeps its memory.
class JpegAlone {
 public:
  JpegAlone() {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_create_decompress(&jpeg_);
  }
  ~JpegAlone() { jpeg_destroy_decompress(&jpeg_); }
  JpegAlone(const JpegAlone&) = delete;
  JpegAlone& operator=(const JpegAlone&) = delete;

  void decode(const std::vector<unsigned char>& bytes, int reduction) {
    jpeg_mem_src(&jpeg_, bytes.data(), bytes.size());
    jpeg_read_header(&jpeg_, TRUE);
    jpeg_.scale_num = 1;
    jpeg_.scale_denom = static_cast<unsigned int>(reduction);
    jpeg_.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&jpeg_);
    const std::size_t row_bytes = 3 * static_cast<std::size_t>(jpeg_.output_width);
    pixels_.resize(jpeg_.output_height * row_bytes);
    while (jpeg_.output_scanline < jpeg_.output_height) {
      JSAMPROW row = pixels_.data() + jpeg_.output_scanline * row_bytes;
      jpeg_read_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_decompress(&jpeg_);
  }

 private:
  jpeg_error_mgr errors_{};
  jpeg_decompress_struct jpeg_{};
  std::vector<unsigned char> pixels_;
};

void decode_jpeg_alone(const fs::path& path, int reduction) {
  static thread_local JpegAlone jpeg;
  jpeg.decode(read_alone(path), reduction);
}

/// Paths of image files, which are written by `encode` if they do not exist.
std::vector<fs::path> make_files(const fs::path& folder, const std::string& ending, int side, std::int64_t count,
                                 std::string (*encode)(const io::Image&)) {
  fs::create_directories(folder);
  std::vector<fs::path> paths;
  for (std::int64_t number = 0; number < count; ++number) {
    paths.push_back(folder / (std::to_string(100000 + number) + ending));
    if (!fs::exists(paths.back()))
      io::write_file(paths.back(), encode(make_photograph(side, static_cast<std::uint32_t>(number))));
  }
  return paths;
}

Workload make_array(std::int64_t count) {
  constexpr int kSide = 32;
  const io::Image one = make_photograph(kSide, 1);
  const std::size_t image_bytes = one.pixels.size();
  std::string bytes;
  for (std::int64_t i = 0; i < count; ++i) bytes.append(one.pixels.begin(), one.pixels.end());
  const auto copy_alone = [copied = std::make_shared<const std::string>(bytes), image_bytes](std::int64_t index) {
    static thread_local std::vector<char> image(image_bytes);
    std::memcpy(image.data(), copied->data() + static_cast<std::size_t>(index) * image_bytes, image_bytes);
    asm volatile("" : : "r"(image.data()) : "memory");  // otherwise the compiler may leave the copy out
  };
  return {.name = "array",
          .source = images::make_array_source(one.shape, std::move(bytes), {}, "array"),
          .geometry = {.height = kSide, .width = kSide, .shift = true},
          .decode_alone = copy_alone,
          .passes = 16};
}

Workload make_folder(std::string name, const fs::path& folder, const data::Geometry& geometry, std::int64_t passes,
                     std::function<void(std::int64_t)> decode_alone) {
  return {.name = std::move(name),
          .source = images::open_data_set("folder:" + folder.string()).train,
          .geometry = geometry,
          .decode_alone = std::move(decode_alone),
          .passes = passes};
}

}  // namespace

std::vector<Workload> make_workloads(const fs::path& folder, std::int64_t files,
                                     const std::vector<std::string>& names) {
  constexpr int kSmall = 256, kLarge = 1024, kReduction = 2, kImagesInArray = 256;
  const data::Geometry scaled{.height = kSmall, .width = kSmall};
  const auto folder_of = [&](const std::string& name) { return folder / (name + "-" + std::to_string(files)); };
  const std::vector<std::pair<std::string, std::function<Workload(const std::string&)>>> makers{
      {"array", [&](const std::string&) { return make_array(kImagesInArray * files); }},
      {"png",
       [&](const std::string& name) {
         const auto paths = make_files(folder_of(name), ".png", kSmall, files, io::encode_png);
         const data::Geometry cropped{.height = kSmall, .width = kSmall, .random_crop = true};
         return make_folder(name, folder_of(name), cropped, 12, [=](std::int64_t i) { decode_png_alone(paths[i]); });
       }},
      {"png-scaled",
       [&](const std::string& name) {
         const auto paths = make_files(folder_of(name), ".png", kLarge, files, io::encode_png);
         return make_folder(name, folder_of(name), scaled, 1, [=](std::int64_t i) { decode_png_alone(paths[i]); });
       }},
      {"jpeg-scaled", [&](const std::string& name) {
         const auto paths = make_files(folder_of(name), ".jpg", kLarge, files, encode_jpeg);
         return make_folder(name, folder_of(name), scaled, 2,
                            [=](std::int64_t i) { decode_jpeg_alone(paths[i], kReduction); });
       }}};
  std::vector<Workload> workloads;
  for (const auto& [name, make] : makers) {
    if (names.empty() || std::ranges::find(names, name) != names.end()) workloads.push_back(make(name));
  }
  const auto is_known = [&](const std::string& name) {
    return std::ranges::any_of(makers, [&](const auto& maker) { return maker.first == name; });
  };
  for (const std::string& name : names) {
    if (!is_known(name)) throw ConfigError("workloads", "expected array, png, png-scaled or jpeg-scaled, is " + name);
  }
  return workloads;
}

}  // namespace glow::bench
