#include "distributed/peer_monitor.h"

#include <exception>
#include <utility>

#include "distributed/message.h"

namespace glow::distributed {
namespace {

/// "rank 2 was lost", "ranks 2, 3 were lost"
std::string lost_text(const std::vector<std::int64_t>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text.append(i == 0 ? "" : ", ").append(std::to_string(ranks[i]));
  return text.append(ranks.size() == 1 ? " was lost" : " were lost");
}

}  // namespace

PeerMonitor::PeerMonitor(Heartbeat& heartbeat, FailureBoard& board, Options options)
    : heartbeat_(heartbeat), board_(board), options_(std::move(options)), neighbour_since_(options_.now()) {}

void PeerMonitor::expect(std::optional<DeviceCollective> collective) {
  const std::lock_guard lock(device_mutex_);
  device_collective_ = std::move(collective);
  device_since_ = options_.now();
}

std::optional<std::string> PeerMonitor::round() {
  write_heartbeat();
  if (auto failure = board_.failure()) return failure;
  check_neighbour();
  if (!investigation_) {
    if (const auto found = error()) investigate(*found, nullptr);
    return std::nullopt;
  }
  if (options_.now() - investigation_->since < options_.silence) return std::nullopt;
  auto text = verdict();
  if (const auto answer = std::exchange(investigation_, std::nullopt)->answer) {
    answer(text);
    return std::nullopt;
  }
  // The neighbour or the device may have continued during the investigation.
  if (!error()) return std::nullopt;
  board_.publish(text);
  return text;
}

void PeerMonitor::check_neighbour() {
  const auto neighbour = (heartbeat_.rank() + 1) % heartbeat_.size();
  const auto now = options_.now();
  const auto value = heartbeat_.read(neighbour);
  // A rank that has left sends no more heartbeats, and is not lost.
  if (neighbour == heartbeat_.rank() || value.beats != neighbour_.beats || heartbeat_.has_ended(neighbour)) {
    neighbour_ = value;
    neighbour_since_ = now;
  }
}

std::optional<std::string> PeerMonitor::error() {
  // A rank whose first heartbeat is missing may still be connecting.
  const auto limit = neighbour_.beats < 0 ? options_.timeout : options_.heartbeat_timeout;
  if (options_.now() - neighbour_since_ >= limit) return "a rank sent no heartbeat within the time-out";
  return device_error();
}

std::optional<std::string> PeerMonitor::device_error() {
  const std::lock_guard lock(device_mutex_);
  if (!device_collective_) return std::nullopt;
  try {
    if (const auto error = device_collective_->error()) std::rethrow_exception(error);
    if (options_.now() - device_since_ < options_.timeout) return std::nullopt;
    if (!device_collective_->is_done()) return "a collective on the device was not done within the time-out";
  } catch (const std::exception& error) {
    return "a collective on the device failed: " + message_of(error);
  }
  device_collective_.reset();
  return std::nullopt;
}

void PeerMonitor::investigate(const std::string& error, Answer answer) {
  auto before = heartbeat_.read_all();
  // The time is taken after the reading, so that a slow store does not shorten the time that a rank has for a
  // heartbeat.
  investigation_ = Investigation{error, std::move(before), options_.now(), std::move(answer)};
}

void PeerMonitor::answer_investigation(const std::string& failure) {
  const auto investigation = std::exchange(investigation_, std::nullopt);
  if (investigation && investigation->answer) investigation->answer(failure);
}

std::string PeerMonitor::verdict() {
  if (const auto failure = board_.failure()) return *failure;
  std::vector<std::int64_t> lost, late;
  for (std::int64_t rank = 0; rank < heartbeat_.size(); ++rank) {
    if (rank == heartbeat_.rank()) continue;
    const auto value = heartbeat_.read(rank);
    const auto before = investigation_->before[static_cast<std::size_t>(rank)];
    if (value.beats == before.beats && !heartbeat_.has_ended(rank)) lost.push_back(rank);
    if (value.collectives < collectives_) late.push_back(rank);
  }
  // Another rank may have published its verdict in the meantime.
  if (const auto failure = board_.failure()) return *failure;
  if (!lost.empty()) return lost_text(lost);
  if (late.size() == 1) return "rank " + std::to_string(late[0]) + " did not come in time";
  return "a collective failed, and no lost rank was found: " + investigation_->error;
}

}  // namespace glow::distributed
