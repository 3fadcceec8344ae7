#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace glow::io {

/// SHA-256 (FIPS 180-4), computed incrementally. Throws Error when libcrypto fails.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::string_view bytes);
  /// 64 lower-case hexadecimal digits. Call once, last.
  std::string hex_digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace glow::io
