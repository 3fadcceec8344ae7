#include <algorithm>

#include <glow/data/source.h>

#include "io/digest.h"

namespace glow::data {
namespace {

/// Adds the size first, so that consecutive pieces cannot be confused with others of different sizes.
void add(io::Sha256& digest, const std::string& piece) {
  digest.update(std::to_string(piece.size()) + ":");
  digest.update(piece);
}

/// The step between images whose contents are read, so that these are about kMostBytes or less.
std::int64_t stride_of(const ImageSource& source) {
  constexpr std::int64_t kMostBytes = 1 << 28;
  constexpr std::int64_t kSamples = 16;
  const auto size = source.size(), samples = std::min(size, kSamples);
  std::int64_t bytes = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    bytes += static_cast<std::int64_t>(source.content(i * size / samples).size());
  }
  const auto total = static_cast<double>(bytes) / static_cast<double>(samples) * static_cast<double>(size);
  return 1 + static_cast<std::int64_t>(total / static_cast<double>(kMostBytes));
}

}  // namespace

std::string fingerprint(const ImageSource& source) {
  io::Sha256 digest;
  digest.update(std::to_string(source.size()) + " images ");
  for (std::int64_t i = 0; i < source.size(); ++i) add(digest, source.key(i));
  const auto stride = source.size() > 0 ? stride_of(source) : 1;
  for (std::int64_t i = 0; i < source.size(); i += stride) add(digest, source.content(i));
  return digest.hex_digest();
}

std::string fingerprint(const DataSet& set) {
  const auto of_train = fingerprint(*set.train);
  if (!set.valid) return of_train;
  io::Sha256 digest;
  digest.update(of_train + fingerprint(*set.valid));
  return digest.hex_digest();
}

}  // namespace glow::data
