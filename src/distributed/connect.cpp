#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#if defined(GLOW_HAS_NCCL)
#include <dlfcn.h>
#include <torch/cuda.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <glow/distributed/communicator.h>
#include <glow/error.h>

#include "distributed/failure_detector.h"
#include "distributed/message.h"
#include "distributed/rendezvous.h"
#include "distributed/start_watch.h"

namespace glow::distributed {
namespace {

using WorkPointer = c10::intrusive_ptr<c10d::Work>;
using Device = std::shared_ptr<::gloo::transport::Device>;

/// Gloo's device of the network interface that GLOO_SOCKET_IFNAME names; null when it is not set.
Device device_of_environment() {
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  if (interface == nullptr) return nullptr;
  try {
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  } catch (const std::exception& error) {
    throw ConfigError("GLOO_SOCKET_IFNAME: cannot use the network interface '" + std::string(interface) +
                      "': " + message_of(error));
  }
}

/// Sets variables that LibTorch and NCCL read; a value that the user has set stays.
/// LibTorch's flight recorder inserts each new process group into a map of the process before it locks the map, which
/// is a data race when threads of one process are ranks. NCCL's own watchdog would end the process before the failure
/// detector can name a rank, and a flag that it leaves in the launcher's store would end the processes of the next
/// start. Sums inside NVLink's switches (NVLS) need not repeat bit for bit.
void configure_libtorch() {
  static std::once_flag once;
  std::call_once(once, [] {
    // LibTorch also reads an older name.
    if (std::getenv("TORCH_NCCL_TRACE_BUFFER_SIZE") == nullptr) ::setenv("TORCH_FR_BUFFER_SIZE", "0", /*overwrite=*/0);
    for (const char* name : {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_RETHROW_CUDA_ERRORS",
                             "TORCH_NCCL_DUMP_ON_TIMEOUT", "TORCH_NCCL_ENABLE_MONITORING", "NCCL_NVLS_ENABLE"}) {
      ::setenv(name, "0", /*overwrite=*/0);
    }
  });
}

#if defined(GLOW_HAS_NCCL)
/// "2.28.9"
std::string nccl_version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

/// LibTorch's options of NCCL contain a structure of nccl.h, which grows from version to version: with an older header
/// LibTorch would write beyond its end.
void require_fitting_nccl() {
  using GetVersion = ncclResult_t (*)(int*);
  const auto get_version = reinterpret_cast<GetVersion>(::dlsym(RTLD_DEFAULT, "ncclGetVersion"));
  int version = 0;
  if (get_version == nullptr || get_version(&version) != ncclSuccess || version <= NCCL_VERSION_CODE) return;
  throw ConfigError("device", "this library was compiled with the nccl.h of version " +
                                  nccl_version_text(NCCL_VERSION_CODE) + ", and LibTorch has NCCL " +
                                  nccl_version_text(version) +
                                  ", which is newer; compile it again with NCCL_ROOT set to a newer one");
}
#endif

/// The most recent collective on the device. Thread-safe.
class DeviceWork {
 public:
  void set(WorkPointer work) {
    const std::lock_guard lock(mutex_);
    work_ = std::move(work);
  }
  /// Aborts it unless it is done, so that a thread that waits for the device continues.
  void abort() {
    const std::lock_guard lock(mutex_);
    try {
      // After an error it counts as completed, and its kernels may wait for ever.
      if (work_ && (work_->exception() || !work_->isCompleted())) work_->abort();
    } catch (const std::exception&) {
      // The device is unusable: no thread waits for it.
    }
  }

 private:
  std::mutex mutex_;
  WorkPointer work_;
};

/// The collectives run in c10d's process groups; the failure detector finds out which rank is the cause when one fails.
class ConnectedProcesses : public Communicator {
 public:
  ConnectedProcesses(const Launch& launch, const ConnectOptions& options)
      : Communicator(launch.rank, launch.size),
        options_(options),
        watch_(std::make_unique<StartWatch>(StartWatch::Options{.patience = options.patience,
                                                                .timeout = options.start_timeout,
                                                                .cause = environment_text(launch),
                                                                .waiting = options.waiting,
                                                                .expired = options.failed})),
        device_(device_of_environment()),
        rendezvous_(launch, options.timeout, *watch_) {
    if (!device_) device_ = c10d::ProcessGroupGloo::createDeviceForHostname(rendezvous_.own_address());
    auto gloo = c10d::ProcessGroupGloo::Options::create(options.timeout);
    gloo->devices.push_back(device_);
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(rendezvous_.store("gloo"), static_cast<int>(launch.rank),
                                                        static_cast<int>(launch.size), gloo);
    detector_ = FailureDetector::start(
        rendezvous_.separate_store("watch"),
        {.rank = launch.rank,
         .size = launch.size,
         .is_store_host = rendezvous_.is_store_host(),
         .timeout = options.timeout,
         .failed = [failed = options.failed, device_work = device_work_](const std::string& what) {
           if (failed) failed(what);
           device_work->abort();
         }});
    try {
      require_correct_sums();
      watch_.reset();
    } catch (...) {
      detector_->end();
      throw;
    }
  }

  ~ConnectedProcesses() override {
    // The store thread may outlive this object, and must not be the last to release the work of a device.
    detector_->expect(std::nullopt);
    device_work_->set({});
    detector_->end();
  }

  Wait start_sum(const torch::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    return start(tensor, [&](auto& group) { return group.allreduce(tensors); });
  }

  void broadcast(const torch::Tensor& tensor) override {
    std::vector<at::Tensor> tensors{tensor};
    start(tensor, [&](auto& group) { return group.broadcast(tensors); })();
  }

  bool announce_failure(const std::string& what, const std::function<void()>& report) override {
    return detector_->announce(what, report);
  }
  void ask_to_stop() override { detector_->ask_to_stop(); }
  bool stop_asked() const override { return detector_->stop_asked(); }
  void check() const override {
    if (detector_->has_failed()) throw ProcessError(detector_->diagnose("a rank has failed"));
  }

 private:
  /// Starts the collective `begin` in the process group of the tensor's device.
  template <class Begin>
  Wait start(const torch::Tensor& tensor, Begin&& begin) {
    if (!tensor.is_contiguous()) throw ShapeError("processes: expected a contiguous tensor");
    detector_->start_collective();
    WorkPointer work;
    guarded([&] { work = in_group_of(tensor, begin); });
    return [this, tensor, work] {
      guarded([&] { work->wait(); });
      // On CUDA wait() has blocked the stream only, so the failure detector polls whether the work is done.
      if (tensor.is_cuda()) {
        device_work_->set(work);
        // NCCL's own thread finds errors, so that asking for one does not ask the device.
        detector_->expect(PeerMonitor::DeviceCollective{[work] { return work->exception(); },
                                                        [work] { return work->isCompleted(); }});
      }
      // c10d writes through a raw pointer, which autograd's version counter does not notice.
      tensor.unsafeGetTensorImpl()->bump_version();
    };
  }

  /// Turns c10d's errors into a ProcessError that names the rank that caused it.
  template <class Call>
  void guarded(Call&& call) {
    try {
      call();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      throw ProcessError(detector_->diagnose(message_of(error)));
    }
  }

  /// Calls `use` with the process group for the tensor's device.
  template <class Use>
  WorkPointer in_group_of(const torch::Tensor& tensor, Use&& use) {
#if defined(GLOW_HAS_NCCL)
    if (tensor.is_cuda()) {
      if (!nccl_) {
        require_fitting_nccl();
        // The failure detector, which names a rank, must act before NCCL's time-out.
        constexpr std::chrono::seconds kMargin{60};
        auto options = c10d::ProcessGroupNCCL::Options::create();
        options->timeout = options_.timeout + kMargin;
        nccl_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(rendezvous_.store("nccl"), static_cast<int>(rank()),
                                                            static_cast<int>(size()), options);
      }
      return use(*nccl_);
    }
#endif
    if (!tensor.is_cpu()) {
      throw ConfigError("device", "in this build, which has no NCCL, several processes can compute on the CPU only");
    }
    return use(*gloo_);
  }

  /// Gloo's headers may be of another version than the Gloo that is compiled into LibTorch. A difference in their class
  /// layouts shows in the result of a known sum.
  void require_correct_sums() {
    const auto numbers = torch::arange(1, 1001, torch::kDouble);
    const auto ranks = static_cast<double>(size() * (size() + 1)) / 2;
    for (const auto dtype : {torch::kFloat, torch::kDouble, torch::kLong}) {
      const auto tensor = (numbers * static_cast<double>(rank() + 1)).to(dtype);
      sum(tensor);
      if (tensor.to(torch::kDouble).equal(numbers * ranks)) continue;
      throw Error(
          "a sum over the processes was wrong: LibTorch contains another version of Gloo than this library was built "
          "with");
    }
  }

  ConnectOptions options_;
  /// Null once all processes have connected.
  std::unique_ptr<StartWatch> watch_;
  Device device_;
  Rendezvous rendezvous_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
#if defined(GLOW_HAS_NCCL)
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> nccl_;
#endif
  std::shared_ptr<DeviceWork> device_work_ = std::make_shared<DeviceWork>();
  std::shared_ptr<FailureDetector> detector_;
};

}  // namespace

bool can_connect() { return true; }

std::shared_ptr<Communicator> connect(const Launch& launch, const ConnectOptions& options) {
  if (launch.size == 1 && launch.address.empty()) return single_process();
  configure_libtorch();
  try {
    return std::make_shared<ConnectedProcesses>(launch, options);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ProcessError(
        "the processes joined at " + launch.address + ":" + std::to_string(launch.port) +
        ", but could not connect to each other (GLOO_SOCKET_IFNAME sets the network interface): " + message_of(error));
  }
}

}  // namespace glow::distributed
