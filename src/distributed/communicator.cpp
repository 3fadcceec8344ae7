#include <glow/distributed/communicator.h>

#include <algorithm>

#include <ATen/ATen.h>

namespace glow::distributed {
namespace {

class SingleProcess : public Communicator {
 public:
  SingleProcess() : Communicator(0, 1) {}
  Wait start_sum(const torch::Tensor&) override {
    return [] {};
  }
  void broadcast(const torch::Tensor&) override {}
  bool announce_failure(const std::string&, const std::function<void()>& report) override {
    if (report) report();
    return true;
  }
  void ask_to_stop() override {}
  bool stop_asked() const override { return false; }
};

}  // namespace

Communicator::~Communicator() = default;

std::vector<std::string> Communicator::gather(const std::string& text) {
  const auto lengths = torch::zeros({size_}, torch::kLong);
  lengths[rank_] = static_cast<std::int64_t>(text.size());
  sum(lengths);
  const auto ends = lengths.cumsum(0);
  const auto bytes = torch::zeros({ends[-1].item<std::int64_t>()}, torch::kByte);
  const auto begin_of = [&](std::int64_t rank) { return (ends[rank] - lengths[rank]).item<std::int64_t>(); };
  std::copy(text.begin(), text.end(), bytes.data_ptr<std::uint8_t>() + begin_of(rank_));
  if (bytes.numel() > 0) sum(bytes);
  std::vector<std::string> texts;
  for (std::int64_t rank = 0; rank < size_; ++rank) {
    const auto* first = bytes.data_ptr<std::uint8_t>() + begin_of(rank);
    texts.emplace_back(first, first + lengths[rank].item<std::int64_t>());
  }
  return texts;
}

bool Communicator::any(bool value) {
  if (size_ == 1) return value;
  const auto count = torch::full({1}, value ? 1 : 0, torch::kLong);
  sum(count);
  return count.item<std::int64_t>() > 0;
}

std::shared_ptr<Communicator> single_process() {
  static const auto process = std::make_shared<SingleProcess>();
  return process;
}

}  // namespace glow::distributed
