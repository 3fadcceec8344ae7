#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/distributed/launch.h>
#include <glow/error.h>

#include "support/throws.h"

namespace glow::distributed::launch_test {
namespace {

using glow::testing::throws;
using Values = std::map<std::string, std::string>;

Environment environment(const Values& values) {
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

Launch launch(const Values& values) { return read_launch(environment(values)); }

TEST(Launch, IsOneProcessWithoutALauncher) {
  const auto alone = launch({});
  EXPECT_EQ(alone.size, 1);
  EXPECT_EQ(alone.rank, 0);
  EXPECT_TRUE(alone.launcher.empty());
}

TEST(Launch, ReadsTorchrunAndAvoidsThePortOfItsStore) {
  Values values{{"RANK", "5"},
                {"WORLD_SIZE", "8"},
                {"LOCAL_RANK", "1"},
                {"LOCAL_WORLD_SIZE", "4"},
                {"MASTER_ADDR", "node1"},
                {"MASTER_PORT", "1234"},
                {"TORCHELASTIC_RUN_ID", "none"},
                {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                {"TORCHELASTIC_RESTART_COUNT", "2"}};
  const auto found = launch(values);
  EXPECT_EQ(found.launcher, "torchrun");
  EXPECT_EQ(found.rank, 5);
  EXPECT_EQ(found.size, 8);
  EXPECT_EQ(found.local_rank, 1);
  EXPECT_EQ(found.local_size, 4);
  EXPECT_EQ(found.address, "node1");
  EXPECT_GE(found.port, 20000);
  EXPECT_LT(found.port, 30000);
  EXPECT_EQ(found.restarts, 2);
  EXPECT_EQ(launch(values).port, found.port);
  values["MASTER_PORT"] = "1235";
  EXPECT_NE(launch(values).port, found.port);
  values["TORCHELASTIC_USE_AGENT_STORE"] = "False";
  EXPECT_EQ(launch(values).port, 1235);
}

TEST(Launch, ReadsMpirun) {
  Values values{{"OMPI_COMM_WORLD_RANK", "1"},
                {"OMPI_COMM_WORLD_SIZE", "2"},
                {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                {"OMPI_MCA_ess_base_jobid", "123456789"}};
  const auto found = launch(values);
  EXPECT_EQ(found.launcher, "mpirun");
  EXPECT_EQ(found.rank, 1);
  EXPECT_EQ(found.address, "127.0.0.1");
  const auto again = launch(values);
  EXPECT_EQ(again.port, found.port);
  values["OMPI_MCA_ess_base_jobid"] = "123456790";
  EXPECT_NE(launch(values).port, found.port);
  // With two hosts mpirun's variables do not contain an address.
  values["OMPI_COMM_WORLD_LOCAL_SIZE"] = "1";
  EXPECT_TRUE(throws<ConfigError>([&] { launch(values); }, {"MASTER_ADDR", "-x MASTER_ADDR=HOST"}));
  values["MASTER_ADDR"] = "10.0.0.1";
  EXPECT_EQ(launch(values).address, "10.0.0.1");
}

TEST(Launch, ReadsSlurmSteps) {
  Values values{{"SLURM_PROCID", "5"},
                {"SLURM_STEP_NUM_TASKS", "7"},
                {"SLURM_LOCALID", "1"},
                {"SLURM_NODEID", "2"},
                {"SLURM_JOB_ID", "4711"},
                {"SLURM_STEP_ID", "0"},
                {"SLURM_RESTART_COUNT", "1"},
                {"SLURM_STEP_NODELIST", "gpu[08-10]"},
                {"SLURM_STEP_TASKS_PER_NODE", "2(x2),3"}};
  const auto found = launch(values);
  EXPECT_EQ(found.launcher, "SLURM");
  EXPECT_EQ(found.rank, 5);
  EXPECT_EQ(found.size, 7);
  EXPECT_EQ(found.local_rank, 1);
  EXPECT_EQ(found.local_size, 3);
  EXPECT_EQ(found.address, "gpu08");
  EXPECT_EQ(found.restarts, 1);
  values["SLURM_NODEID"] = "1";
  EXPECT_EQ(launch(values).local_size, 2);
  // On one host the loopback address is used, and no name is resolved.
  values["SLURM_NODEID"] = "0";
  values["SLURM_STEP_TASKS_PER_NODE"] = "7";
  EXPECT_EQ(launch(values).address, "127.0.0.1");
}

TEST(Launch, RequeuedJobCountsAsARestartWithAnyLauncher) {
  EXPECT_EQ(launch({{"SLURM_RESTART_COUNT", "2"}}).restarts, 2);
  EXPECT_EQ(
      launch({{"SLURM_RESTART_COUNT", "2"}, {"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}).restarts, 2);
  EXPECT_EQ(launch({{"SLURM_RESTART_COUNT", "2"},
                    {"TORCHELASTIC_RESTART_COUNT", "1"},
                    {"RANK", "0"},
                    {"WORLD_SIZE", "2"},
                    {"MASTER_ADDR", "a"}})
                .restarts,
            3);
}

TEST(Launch, SlurmBatchScriptIsOneProcess) {
  EXPECT_EQ(launch({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "4711"}}).size, 1);
}

TEST(Launch, NamesTheVariablesOfSeveralProcesses) {
  using Named = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(launch({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}}).variables,
            (Named{{"RANK", "1"}, {"WORLD_SIZE", "2"}}));
  EXPECT_EQ(launch({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}).variables,
            (Named{{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}));
  EXPECT_EQ(launch({{"SLURM_PROCID", "2"}, {"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_JOB_ID", "7"}}).variables,
            (Named{{"SLURM_PROCID", "2"}, {"SLURM_STEP_NUM_TASKS", "4"}}));
}

TEST(Launch, SaysWhyThereAreSeveralProcesses) {
  EXPECT_EQ(environment_text(launch({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}})),
            "the environment says that there are 2 processes (RANK=1, WORLD_SIZE=2); to run one process alone: unset "
            "RANK WORLD_SIZE");
}

TEST(Launch, NamesTheMissingOrInvalidVariable) {
  EXPECT_TRUE(throws<ConfigError>(
      [] {
        launch({{"RANK", "0"}, {"WORLD_SIZE", "2"}});
      },
      {"MASTER_ADDR: is not set, though RANK and WORLD_SIZE are; unset these"}));
  EXPECT_TRUE(throws<ConfigError>(
      [] {
        launch({{"RANK", "2"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}});
      },
      {"RANK", "0 to 1", "'2'"}));
  EXPECT_TRUE(throws<ConfigError>(
      [] {
        launch({{"RANK", "0"}, {"WORLD_SIZE", "two"}, {"MASTER_ADDR", "a"}});
      },
      {"WORLD_SIZE", "'two'"}));
  EXPECT_TRUE(throws<ConfigError>(
      [] {
        launch({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "70000"}});
      },
      {"MASTER_PORT", "1 to 65535", "'70000'"}));
}

TEST(Launch, FindsTheFirstHostOfAList) {
  EXPECT_EQ(first_host("login1"), "login1");
  EXPECT_EQ(first_host("login1,login2"), "login1");
  EXPECT_EQ(first_host("node[07-09,12],login1"), "node07");
  EXPECT_EQ(first_host("node[3,5-9]"), "node3");
  EXPECT_EQ(first_host("rack1-node[001]-ib,other"), "rack1-node001-ib");
  EXPECT_TRUE(throws<ConfigError>([] { first_host("node[07-09"); }, {"SLURM_STEP_NODELIST"}));
}

}  // namespace
}  // namespace glow::distributed::launch_test
