#include "io/tfrecord.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <glow/error.h>

#include "io/array_bytes.h"
#include "io/crc32c.h"
#include "io/errors.h"
#include "io/file_kind.h"
#include "io/protobuf.h"

namespace glow::io {
namespace {

constexpr std::uint64_t kRecordLengthSize = sizeof(std::uint64_t);
constexpr std::uint64_t kRecordChecksumSize = sizeof(std::uint32_t);
constexpr std::uint64_t kBeforeMessage = kRecordLengthSize + kRecordChecksumSize;
/// Protobuf's limit of a message. ImageRecord relies on it too.
constexpr std::uint64_t kMostMessage = std::numeric_limits<std::int32_t>::max();

[[noreturn]] void fail_record(const std::filesystem::path& path, std::size_t record, const std::string& problem) {
  throw FormatError(path, "record " + std::to_string(record) + ": " + problem);
}

/// Bytes of a file in increasing order of their offsets, with long gaps that are not read.
class RecordWindow {
 public:
  explicit RecordWindow(const RegularFile& file) : file_(file) {}

  std::uint64_t file_size() const { return file_.size(); }

  /// `count` bytes, at most kWindowSize, at `offset` inside the file. They are valid until the next call.
  std::string_view bytes(std::uint64_t offset, std::uint64_t count) {
    if (offset < start_ || offset + count > start_ + buffer_.size()) {
      buffer_.resize(std::min(kWindowSize, file_.size() - offset));
      file_.read_at(offset, buffer_);
      start_ = offset;
    }
    return std::string_view(buffer_).substr(offset - start_, count);
  }

  /// The record whose bytes are read, for messages.
  std::size_t record = 0;
  [[noreturn]] void fail(const std::string& problem) const { fail_record(file_.path(), record, problem); }

 private:
  static constexpr std::uint64_t kWindowSize = 4096;
  const RegularFile& file_;
  std::string buffer_;
  std::uint64_t start_ = 0;
};

/// Reads the record at an offset.
class RecordParser {
 public:
  explicit RecordParser(RecordWindow& window) : window_(window) {}

  ImageRecord parse(std::uint64_t offset) {
    const ByteRange message = framed_message(offset);
    for (WireReader example(window_, message); !example.at_end();) {
      const WireField field = example.field();
      if (field.number == 1) parse_features(bytes_of(field, "tf.Example.features"));
    }
    for (const auto& [is_missing, name] : {std::pair{!shape_, "shape"}, std::pair{!pixels_, "data"}}) {
      if (is_missing) window_.fail("the feature " + in_quotes(name) + " is missing");
    }
    ImageRecord record{.offset = offset,
                       .length = static_cast<std::uint32_t>(message.size()),
                       .pixels = static_cast<std::uint32_t>(pixels_->begin - message.begin),
                       .shape = checked_shape(),
                       .label = ImageRecord::kNoLabel};
    if (label_) record.label = static_cast<std::int32_t>(*label_);
    return record;
  }

 private:
  ByteRange framed_message(std::uint64_t offset) {
    const std::uint64_t rest = window_.file_size() - offset;
    if (rest < kBeforeMessage) {
      window_.fail("expected a length and its checksum, found " + std::to_string(rest) + " bytes");
    }
    const std::string_view framing = window_.bytes(offset, kBeforeMessage);
    const std::string_view length_bytes = framing.substr(0, kRecordLengthSize);
    if (masked_crc32c(length_bytes) != read_little_endian<std::uint32_t>(framing.substr(kRecordLengthSize))) {
      window_.fail("the checksum of the length is wrong");
    }
    const auto length = read_little_endian<std::uint64_t>(length_bytes);
    if (length > kMostMessage) {
      window_.fail("expected less than 2 GiB, found a length of " + std::to_string(length) + " bytes");
    }
    if (length + kRecordChecksumSize > rest - kBeforeMessage) {
      window_.fail("expected " + std::to_string(length + kRecordChecksumSize) + " bytes after the length, found " +
                   std::to_string(rest - kBeforeMessage));
    }
    return {offset + kBeforeMessage, offset + kBeforeMessage + length};
  }

  ByteRange bytes_of(const WireField& field, const char* name) {
    if (field.type != WireType::bytes) {
      window_.fail(std::string(name) + " has protobuf type " + std::to_string(static_cast<int>(field.type)) +
                   ", expected 2");
    }
    return field.range;
  }

  /// The entries of the map, in any order.
  void parse_features(ByteRange features) {
    for (WireReader reader(window_, features); !reader.at_end();) {
      const WireField field = reader.field();
      if (field.number == 1) parse_entry(bytes_of(field, "an entry of tf.Features.feature"));
    }
  }

  void parse_entry(ByteRange entry) {
    ByteRange key;
    ByteRange feature;
    for (WireReader reader(window_, entry); !reader.at_end();) {
      const WireField field = reader.field();
      if (field.number == 1) key = bytes_of(field, "a feature's name");
      if (field.number == 2) feature = bytes_of(field, "a feature's value");
    }
    constexpr std::uint64_t kLongestKey = std::string_view("shape").size();
    const std::string name(key.size() > kLongestKey ? "" : window_.bytes(key.begin, key.size()));
    if (name == "shape") {
      store(shape_, name, integers<3>(name, feature));
    } else if (name == "data") {
      store(pixels_, name, one_string(name, feature));
    } else if (name == "label") {
      store(label_, name, integers<1>(name, feature).front());
    }
  }

  template <typename Value>
  void store(std::optional<Value>& feature, const std::string& name, const Value& value) {
    if (feature) window_.fail("the feature " + in_quotes(name) + " appears twice");
    feature = value;
  }

  /// The list in a feature: its only field.
  ByteRange list(const std::string& name, ByteRange feature, std::uint64_t number, const char* type) {
    std::optional<ByteRange> found;
    for (WireReader reader(window_, feature); !reader.at_end();) {
      const WireField field = reader.field();
      if (field.number != number || field.type != WireType::bytes || found) {
        found.reset();
        break;
      }
      found = field.range;
    }
    if (!found) window_.fail("the feature " + in_quotes(name) + " is not one " + type);
    return *found;
  }

  template <std::size_t count>
  std::array<std::int64_t, count> integers(const std::string& name, ByteRange feature) {
    std::array<std::int64_t, count> values{};
    std::size_t found = 0;
    const auto add = [&](std::uint64_t value) {
      if (found < count) values[found] = static_cast<std::int64_t>(value);
      ++found;
    };
    for (WireReader reader(window_, list(name, feature, 3, "int64_list")); !reader.at_end();) {
      const WireField field = reader.field();
      if (field.number != 1 || (field.type != WireType::varint && field.type != WireType::bytes)) {
        window_.fail("the feature " + in_quotes(name) + " is not a list of integers");
      }
      if (field.type == WireType::varint) add(field.value);
      // An empty range unless the list is packed.
      for (WireReader packed(window_, field.range); !packed.at_end();) add(packed.varint());
    }
    if (found != count) {
      window_.fail("the feature " + in_quotes(name) + " has " + std::to_string(found) + " values, expected " +
                   std::to_string(count));
    }
    return values;
  }

  ByteRange one_string(const std::string& name, ByteRange feature) {
    std::optional<ByteRange> value;
    for (WireReader reader(window_, list(name, feature, 1, "bytes_list")); !reader.at_end();) {
      const WireField field = reader.field();
      if (field.number != 1) window_.fail("the feature " + in_quotes(name) + " is not a list of strings");
      if (value) window_.fail("the feature " + in_quotes(name) + " has several values, expected 1");
      value = bytes_of(field, "a string of a feature");
    }
    if (!value) window_.fail("the feature " + in_quotes(name) + " has 0 values, expected 1");
    return *value;
  }

  /// Checks the label too, so that the record can be stored.
  ImageShape checked_shape() {
    const std::vector<std::int64_t> sizes(shape_->begin(), shape_->end());
    const bool positive = std::all_of(sizes.begin(), sizes.end(), [](std::int64_t size) { return size > 0; });
    if (!positive || array_bytes(sizes, 1) != pixels_->size()) {
      window_.fail("expected data of shape " + to_text(sizes) + ", found " + std::to_string(pixels_->size()) +
                   " bytes");
    }
    if (label_ && (*label_ < ImageRecord::kNoLabel || *label_ > std::numeric_limits<std::int32_t>::max())) {
      window_.fail("label " + std::to_string(*label_) + ", expected -1 to 2147483647");
    }
    return {static_cast<int>(sizes[0]), static_cast<int>(sizes[1]), static_cast<int>(sizes[2])};
  }

  RecordWindow& window_;
  std::optional<std::array<std::int64_t, 3>> shape_;
  std::optional<ByteRange> pixels_;
  std::optional<std::int64_t> label_;
};

}  // namespace

ImageRecords::ImageRecords(const std::filesystem::path& path) : file_(path) {
  RecordWindow window(file_);
  const std::string start = file_start(file_);
  if (!start.empty() && !begins_as_tfrecord(start)) refuse_known_kind(path, "a TFRecord file", start);
  for (std::uint64_t offset = 0; offset < file_.size();) {
    window.record = records_.size();
    records_.push_back(RecordParser(window).parse(offset));
    offset += kBeforeMessage + records_.back().length + kRecordChecksumSize;
  }
}

Image ImageRecords::read(std::size_t index) const {
  const ImageRecord& record = records_.at(index);
  const std::string bytes = file_.read(record.offset + kBeforeMessage, record.length + kRecordChecksumSize);
  const std::string_view message = std::string_view(bytes).substr(0, record.length);
  if (masked_crc32c(message) != read_little_endian<std::uint32_t>(std::string_view(bytes).substr(record.length))) {
    fail_record(path(), index, "the checksum of its content is wrong");
  }
  const auto pixels =
      message.substr(record.pixels, *array_bytes({record.shape.height, record.shape.width, record.shape.channels}, 1));
  return {record.shape, {pixels.begin(), pixels.end()}};
}

}  // namespace glow::io
