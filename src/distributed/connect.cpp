#include <cstdlib>
#include <mutex>
#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <glow/distributed/communicator.h>
#include <glow/error.h>

#include "distributed/meeting.h"
#include "distributed/own_address.h"
#include "distributed/watch.h"

namespace glow::distributed {
namespace {

using WorkPointer = c10::intrusive_ptr<c10d::Work>;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string message_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  return first_line(torch_error != nullptr ? torch_error->what_without_backtrace() : error.what());
}

std::string place_of(const Launch& launch) { return launch.address + ":" + std::to_string(launch.port); }

/// The latest that the device does for all.
class LatestWork {
 public:
  void set(WorkPointer work) {
    const std::lock_guard lock(mutex_);
    work_ = std::move(work);
  }
  /// Whoever waits for the device goes on then.
  void abort() {
    const std::lock_guard lock(mutex_);
    if (work_ && !work_->isCompleted()) work_->abort();
  }

 private:
  std::mutex mutex_;
  WorkPointer work_;
};

class Processes : public Communicator {
 public:
  Processes(const Launch& launch, const ConnectOptions& options)
      : Communicator(launch.rank, launch.size), options_(options), meeting_(launch, options.timeout) {
    auto gloo = c10d::ProcessGroupGloo::Options::create(options.timeout);
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    gloo->devices.push_back(interface != nullptr
                                ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                : c10d::ProcessGroupGloo::createDeviceForHostname(own_address(launch)));
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(meeting_.part("gloo"), static_cast<int>(launch.rank),
                                                        static_cast<int>(launch.size), gloo);
    watch_ = Watch::start(meeting_.own_connection("watch"),
                          {.rank = launch.rank,
                           .size = launch.size,
                           .is_host = meeting_.is_host(),
                           .timeout = options.timeout,
                           .failed = [failed = options.failed, latest = latest_on_device_](const std::string& what) {
                             if (failed) failed(what);
                             latest->abort();
                           }});
    try {
      require_right_sums();
    } catch (...) {
      watch_->end();
      throw;
    }
  }

  ~Processes() override { watch_->end(); }

  Wait start_sum(const torch::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    return started(tensor, [&](auto& group) { return group.allreduce(tensors); });
  }

  void broadcast(const torch::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    started(tensor, [&](auto& group) { return group.broadcast(tensors); })();
  }

  bool announce_failure(const std::string& what) override { return watch_->announce(what); }
  void ask_to_stop() override { watch_->ask_to_stop(); }
  bool stop_asked() const override { return watch_->stop_asked(); }

 private:
  /// What `begin` begins with the group that knows the tensor's device, to be waited for.
  template <class Begin>
  Wait started(const torch::Tensor& tensor, Begin&& begin) {
    if (!tensor.is_contiguous()) throw ShapeError("processes: expected a contiguous tensor");
    watch_->count();
    WorkPointer work;
    guarded([&] { work = on(tensor, begin); });
    return [this, tensor, work] {
      guarded([&] { work->wait(); });
      // On CUDA only the stream has waited.
      if (tensor.is_cuda()) {
        latest_on_device_->set(work);
        watch_->expect([work] { return work->isCompleted(); });
      }
      // Written through a pointer: autograd has to know that what it saved of the tensor is no longer there.
      tensor.unsafeGetTensorImpl()->bump_version();
    };
  }

  template <class Call>
  void guarded(Call&& call) {
    try {
      call();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      throw ProcessError(watch_->blame(message_of(error)));
    }
  }

  /// Calls `use` with the group that knows the tensor's device.
  template <class Use>
  WorkPointer on(const torch::Tensor& tensor, Use&& use) {
#ifdef USE_C10D_NCCL
    if (tensor.is_cuda()) {
      if (!nccl_) {
        // Its own watch ends the process without a word of who was lost; this one's comes first.
        constexpr std::chrono::seconds kMargin{60};
        auto options = c10d::ProcessGroupNCCL::Options::create();
        options->timeout = options_.timeout + kMargin;
        nccl_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(meeting_.part("nccl"), static_cast<int>(rank()),
                                                            static_cast<int>(size()), options);
      }
      return use(*nccl_);
    }
#endif
    if (!tensor.is_cpu()) {
      throw ConfigError("device: several processes compute on the CPU with this build, which has no NCCL");
    }
    return use(*gloo_);
  }

  /// Gloo's headers need not be those that LibTorch was compiled with; what does not fit them shows here.
  void require_right_sums() {
    const auto numbers = torch::arange(1, 1001, torch::kDouble);
    const auto ranks = static_cast<double>(size() * (size() + 1)) / 2;
    for (const auto dtype : {torch::kFloat, torch::kDouble, torch::kLong}) {
      const auto tensor = (numbers * static_cast<double>(rank() + 1)).to(dtype);
      sum(tensor);
      if (tensor.to(torch::kDouble).equal(numbers * ranks)) continue;
      throw Error(
          "a known sum over the processes came out wrong: LibTorch's Gloo and the one this was built with differ");
    }
  }

  ConnectOptions options_;
  Meeting meeting_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
#ifdef USE_C10D_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> nccl_;
#endif
  std::shared_ptr<LatestWork> latest_on_device_ = std::make_shared<LatestWork>();
  std::shared_ptr<Watch> watch_;
};

}  // namespace

bool can_connect() { return true; }

std::shared_ptr<Communicator> connect(const Launch& launch, const ConnectOptions& options) {
  if (launch.size == 1 && launch.address.empty()) return single_process();
  try {
    return std::make_shared<Processes>(launch, options);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ProcessError("the processes did not meet at " + place_of(launch) + ": " + message_of(error));
  }
}

}  // namespace glow::distributed
