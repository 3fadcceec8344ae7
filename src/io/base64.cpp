#include <glow/io/base64.h>

#include <cstddef>

#include <openssl/evp.h>

#include <glow/error.h>

namespace glow::io {

std::string base64(std::string_view bytes) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;
  if (bytes.size() > kMostBytes) throw Error("base64: more than 1 GiB at once");
  // libcrypto terminates its output with a NUL.
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

}  // namespace glow::io
