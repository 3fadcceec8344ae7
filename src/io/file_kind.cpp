#include "io/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "io/array_bytes.h"
#include "io/crc32c.h"
#include "io/errors.h"
#include "io/json_object.h"

namespace glow::io {
namespace {

using namespace std::string_view_literals;

/// Files that their first bytes identify.
struct KindSignature {
  std::string_view bytes;
  const char* name;
};

constexpr KindSignature kPlainSignatures[] = {
    {"\x93NUMPY"sv, "a NumPy array (.npy)"},
    {"\x89PNG\r\n\x1a\n"sv, "a PNG image"},
    {"\xff\xd8\xff"sv, "a JPEG image"},
    {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
    {"MATLAB 5.0 MAT-file"sv, "a MATLAB file"},
    {"PAR1"sv, "a Parquet file"},
    {"ARROW1\0\0"sv, "an Arrow file"},
    {"SQLite format 3\0"sv, "an SQLite database"},
    {"GGUF"sv, "a GGUF file"},
    {"%PDF-"sv, "a PDF document"},
    {"\x7f"
     "ELF"sv,
     "a program or library (ELF)"},
};

constexpr KindSignature kUnsupportedImages[] = {
    {"GIF87a"sv, "a GIF image"},
    {"GIF89a"sv, "a GIF image"},
    {"II*\0"sv, "a TIFF image"},
    {"MM\0*"sv, "a TIFF image"},
    {"II+\0"sv, "a TIFF image"},  // BigTIFF
    {"MM\0+"sv, "a TIFF image"},
    {"\0\0\0\x0cjP  \r\n\x87\n"sv, "a JPEG 2000 image"},
    {"\xff\x4f\xff\x51"sv, "a JPEG 2000 image"},  // without a container
    {"\0\0\0\x0cJXL \r\n\x87\n"sv, "a JPEG XL image"},
    {"\xff\x0a"sv, "a JPEG XL image"},  // without a container
    {"8BPS\0\x01"sv, "a Photoshop image"},
};

/// Brands of ISO base media files. The first that a file lists decides: AVIF and HEIC files also have the brand of
/// HEIF.
constexpr KindSignature kImageBrands[] = {
    {"avif"sv, "an AVIF image"}, {"avis"sv, "an AVIF image"}, {"heic"sv, "a HEIC image"}, {"heix"sv, "a HEIC image"},
    {"heim"sv, "a HEIC image"},  {"heis"sv, "a HEIC image"},  {"hevc"sv, "a HEIC image"}, {"hevx"sv, "a HEIC image"},
    {"mif1"sv, "a HEIF image"},  {"msf1"sv, "a HEIF image"},
};

std::uint32_t kind_byte(std::string_view bytes, std::size_t offset) { return static_cast<std::uint8_t>(bytes[offset]); }

/// The name of the first signature that the bytes begin with, or null.
const char* match(std::span<const KindSignature> signatures, std::string_view start) {
  const auto found =
      std::ranges::find_if(signatures, [&](const KindSignature& each) { return start.starts_with(each.bytes); });
  return found == signatures.end() ? nullptr : found->name;
}

/// Whether the bytes begin with a file type box (ISO/IEC 14496-12: size, "ftyp", brand, version, compatible brands).
bool is_media_file(std::string_view start) { return start.size() >= 12 && start.substr(4, 4) == "ftyp"; }

/// Whether the file type box lists the brand.
bool lists_brand(std::string_view start, std::string_view brand) {
  constexpr std::size_t kBrands = 8;
  constexpr std::size_t kVersion = 12;
  const std::uint32_t size =
      kind_byte(start, 0) << 24 | kind_byte(start, 1) << 16 | kind_byte(start, 2) << 8 | kind_byte(start, 3);
  start = start.substr(0, size);
  for (std::size_t i = kBrands; i < start.size(); i += brand.size()) {
    if (i != kVersion && start.substr(i, brand.size()) == brand) return true;
  }
  return false;
}

/// Whether the bytes are the headers of a BMP file. Its two letters alone also begin many texts, so this compares the
/// size of the second header with those of the versions of the format too.
bool begins_as_bmp(std::string_view start) {
  constexpr std::size_t kSecondHeader = 14;
  constexpr std::uint8_t kSizes[] = {12, 40, 52, 56, 64, 108, 124};
  return start.size() >= kSecondHeader + 4 && start.starts_with("BM") &&
         std::ranges::find(kSizes, kind_byte(start, kSecondHeader)) != std::end(kSizes) &&
         start.substr(kSecondHeader + 1, 3) == "\0\0\0"sv;
}

FileKind identify_image(std::string_view start) {
  if (start.starts_with("RIFF") && start.size() >= 12 && start.substr(8, 4) == "WEBP") return {"a WebP image"};
  if (const char* name = match(kUnsupportedImages, start)) return {name, "", true};
  if (begins_as_bmp(start)) return {"a BMP image", "", true};
  if (!is_media_file(start)) return {};
  for (const auto& [brand, name] : kImageBrands) {
    if (lists_brand(start, brand)) return {name, "", true};
  }
  return {"a video or another media file (ISO base media)"};
}

const FileKind kPyTorchFile{"a PyTorch file (.pt, .pth)", "save its tensors with numpy or safetensors"};

/// The kind of a zip by its first member: https://pytorch.org/docs/stable/notes/serialization.html, numpy.lib.format,
/// ECMA-376 (Office).
FileKind identify_zip(std::string_view start) {
  constexpr std::size_t kNameSize = 26, kName = 30;
  const FileKind plain{"a zip file"};
  if (start.size() < kName || !start.starts_with("PK\x03\x04")) return plain;
  const std::string_view name = start.substr(kName, read_little_endian<std::uint16_t>(start.substr(kNameSize)));
  const std::string_view last = name.substr(name.rfind('/') + 1);
  constexpr std::array kOfPyTorch = {"data.pkl"sv, "constants.pkl"sv, "version"sv, "byteorder"sv, ".format_version"sv};
  const bool is_of_pytorch = std::ranges::find(kOfPyTorch, last) != kOfPyTorch.end() || name.ends_with("/data/0");
  if (is_of_pytorch && last.size() < name.size()) return kPyTorchFile;
  if (name.ends_with(".npy")) return {"an .npz file of NumPy"};
  if (name == "[Content_Types].xml") return {"an Office document", "save it as CSV"};
  return plain;
}

/// A pickle of Python, or PyTorch's files of before version 1.6, which begin with a pickled number.
FileKind identify_pickle(std::string_view start) {
  if (begins_as_old_torch(start)) return kPyTorchFile;
  // After the protocol: a frame, or one of the opcodes that a dictionary, list, tuple, array or object begins with.
  constexpr std::string_view kFirst = "\x95}](cX\x8a\x8cKU";
  const bool is_binary = start.size() >= 3 && start[0] == '\x80' && start[1] >= 1 && start[1] <= 5 &&
                         kFirst.find(start[2]) != std::string_view::npos;
  // Protocol 0 is text: a dictionary or a list and its place in the memo, or a function of NumPy.
  const bool is_text = start.starts_with("(dp") || start.starts_with("(lp") || start.starts_with("cnumpy");
  if (is_text) return {"a pickle of protocol 0", "pickle it with protocol 2 to 5"};
  return is_binary ? FileKind{"a pickle"} : FileKind{};
}

/// Two zeros, a type of elements and a number of dimensions (http://yann.lecun.com/exdb/mnist).
bool is_idx(std::string_view start) {
  constexpr std::string_view kTypes = "\x08\x09\x0b\x0c\x0d\x0e";
  return start.size() >= 8 && start.starts_with("\0\0"sv) && kTypes.find(start[2]) != std::string_view::npos &&
         start[3] >= 1 && start[3] <= 4;
}

/// The values of "format" and the names of the files.
constexpr std::pair<std::string_view, const char*> kFormats[] = {{"glow", "a model of Glow"},
                                                                 {"glow-checkpoint", "a checkpoint of glow-train"},
                                                                 {"glow-latents", "a file of latents"},
                                                                 {"glow-directions", "a file of directions"}};

/// The kind of a safetensors file by its "format", if the beginning of the header has it.
FileKind identify_safetensors(std::string_view start) {
  for (const auto& [format, name] : kFormats) {
    if (start.find("\"format\":\"" + std::string(format) + '"') == std::string_view::npos) continue;
    return {std::string(name) + " (safetensors)"};
  }
  return {"a safetensors file"};
}

/// Whether a text begins with the tag, in any case.
bool begins_with_tag(std::string_view text, std::string_view tag) {
  return std::ranges::equal(text.substr(0, tag.size()), tag, {},
                            [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
}

FileKind identify_markup(std::string_view text) {
  for (const auto tag : {"<!doctype html"sv, "<html"sv, "<head"sv, "<body"sv, "<script"sv}) {
    if (begins_with_tag(text, tag)) return {"an HTML page", "probably the error page of a download"};
  }
  if (!text.starts_with("<?xml") && !begins_with_tag(text, "<svg")) return {};
  if (text.find("<svg") != std::string_view::npos) return {"an SVG image", "", true};
  return {"an XML text", text.find("<Error>") == std::string_view::npos ? "" : "probably the error of a download"};
}

/// The first line, if the bytes are text in UTF-8 without control characters; otherwise empty.
std::string first_line(std::string_view start) {
  constexpr std::size_t kChecked = 512, kShown = 60;
  const auto is_control = [](unsigned char c) { return (c < 0x20 && (c < '\t' || c > '\r')) || c == 0x7f; };
  if (std::ranges::any_of(start.substr(0, kChecked), is_control)) return "";
  std::string line(start.substr(0, start.find_first_of("\r\n")).substr(0, kShown));
  while (!line.empty() && static_cast<unsigned char>(line.back()) >= 0x80 && !is_utf8(line)) line.pop_back();
  return is_utf8(line) ? line : "";
}

FileKind identify_text(std::string_view start) {
  if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff")) return {"a text in UTF-16", "save it as UTF-8"};
  std::string_view text = start;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const std::string line = first_line(text);
  if (line.empty()) return {};
  if (text.starts_with("version https://git-lfs.github.com/spec/"))
    return {"a pointer of Git LFS", "`git lfs pull` fetches the file"};
  if (text.starts_with("/annex/objects/")) return {"a pointer of git-annex", "`git annex get` fetches the file"};
  if (FileKind markup = identify_markup(text); !markup.name.empty()) return markup;
  if (text.front() == '{' || text.front() == '[') return {"a JSON text"};
  return {.name = "a text that begins with " + in_quotes(line), .is_plain_text = true};
}

}  // namespace

bool begins_as_safetensors(std::string_view start) {
  constexpr std::uint64_t kLongestHeader = 100'000'000;
  constexpr std::size_t kLength = sizeof(std::uint64_t);
  return start.size() > kLength && read_little_endian<std::uint64_t>(start) <= kLongestHeader && start[kLength] == '{';
}

bool begins_as_tfrecord(std::string_view start) {
  constexpr std::size_t kLength = sizeof(std::uint64_t);
  return start.size() >= kLength + sizeof(std::uint32_t) &&
         masked_crc32c(start.substr(0, kLength)) == read_little_endian<std::uint32_t>(start.substr(kLength));
}

bool begins_as_lmdb(std::string_view start) {
  constexpr std::uint32_t kMagic = 0xbeefc0de;
  constexpr std::size_t kPlace = 16;
  return start.size() >= kPlace + sizeof kMagic && read_little_endian<std::uint32_t>(start.substr(kPlace)) == kMagic;
}

bool begins_as_old_torch(std::string_view start) { return start.starts_with(kOldTorchMagic); }

bool begins_as_npy(std::string_view start) { return start.starts_with("\x93NUMPY"); }

bool begins_as_tar(std::string_view start) {
  constexpr std::size_t kBlock = 512, kChecksum = 148, kChecksumSize = 8;
  if (start.size() < kBlock) return false;
  std::uint32_t sum = 0, stored = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool is_checksum = i >= kChecksum && i < kChecksum + kChecksumSize;
    sum += is_checksum ? ' ' : kind_byte(start, i);
  }
  for (const char digit : start.substr(kChecksum, kChecksumSize)) {
    if (digit >= '0' && digit <= '7') stored = stored * 8 + static_cast<std::uint32_t>(digit - '0');
  }
  return start.front() != '\0' && sum == stored;
}

bool begins_as_zip(std::string_view start) {
  constexpr std::array kStarts = {"PK\x03\x04"sv, "PK\x05\x06"sv, "PK\x07\x08"sv};
  return std::ranges::any_of(kStarts, [&](std::string_view magic) { return start.starts_with(magic); });
}

const char* compression_of(std::string_view start) {
  constexpr KindSignature kCompressions[] = {{"\x1f\x8b"sv, "gzip"},        {"\x1f\x9d"sv, "compress"},
                                             {"\xfd\x37zXZ\0"sv, "xz"},     {"\x28\xb5\x2f\xfd"sv, "zstd"},
                                             {"\x04\x22\x4d\x18"sv, "lz4"}, {"LZIP\x01"sv, "lzip"},
                                             {"Rar!\x1a\x07"sv, "RAR"},     {"7z\xbc\xaf\x27\x1c"sv, "7-Zip"}};
  // bzip2's is followed by a digit, and another magic, because a tar may start with the letters BZh: a member's name.
  constexpr std::size_t kBlockMagic = 4;
  if (start.starts_with("BZh") && start.substr(std::min(start.size(), kBlockMagic)).starts_with("1AY&SY")) {
    return "bzip2";
  }
  return match(kCompressions, start);
}

FileKind identify_file(std::string_view start) {
  if (start.empty()) return {"an empty file"};
  if (const char* name = match(kPlainSignatures, start)) return {name};
  if (begins_as_zip(start)) return identify_zip(start);
  if (const char* name = compression_of(start))
    return {"compressed data (" + std::string(name) + ")", "unpack it first"};
  if (begins_as_tar(start)) return {"a tar"};
  if (begins_as_safetensors(start)) return identify_safetensors(start);
  if (begins_as_tfrecord(start)) return {"a TFRecord file"};
  if (begins_as_lmdb(start)) return {"an LMDB environment"};
  for (const auto identify : {identify_image, identify_pickle}) {
    if (FileKind kind = identify(start); !kind.name.empty()) return kind;
  }
  if (is_idx(start)) return {"an idx file (as those of MNIST)"};
  return identify_text(start);
}

const char* name_of_format(std::string_view format) {
  for (const auto& [known, name] : kFormats) {
    if (known == format) return name;
  }
  return nullptr;
}

std::string file_start(const RegularFile& file) {
  constexpr std::uint64_t kEnough = 4096;
  return file.read(0, std::min(file.size(), kEnough));
}

FormatError other_kind(const std::filesystem::path& path, std::string_view expected, std::string_view start) {
  const FileKind kind = identify_file(start);
  std::string text = "expected " + std::string(expected) + ", is " + (kind.name.empty() ? "not one" : kind.name);
  if (!kind.remedy.empty()) text += ": " + kind.remedy;
  return FormatError(path, text);
}

void refuse_known_kind(const std::filesystem::path& path, std::string_view expected, std::string_view start) {
  if (!identify_file(start).name.empty()) throw other_kind(path, expected, start);
}

}  // namespace glow::io
