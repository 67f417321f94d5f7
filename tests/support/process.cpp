#include "support/process.h"

#include <algorithm>
#include <fcntl.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

#include "support/paths.h"

namespace lightmamba::test {
namespace {

// As execve wants them: with a null pointer at the end.
std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers(strings.size() + 1, nullptr);
  std::transform(strings.begin(), strings.end(), pointers.begin(),
                 [](std::string& text) { return text.data(); });
  return pointers;
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments,
                          const ProcessOptions& options) {
  const TemporaryFolder folder;
  const std::string in = folder / "in";
  const std::string out =
      options.output_file.empty() ? (folder / "out").string() : options.output_file;
  const std::string err =
      options.error_file.empty() ? (folder / "err").string() : options.error_file;
  write_file(in, options.input);

  std::vector<std::string> environment = options.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  std::vector<std::string> words = arguments;
  std::vector<char*> argv = pointers_to(words);
  std::vector<char*> envp = pointers_to(environment);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + arguments.front());

  int status = 0;
  if (waitpid(pid, &status, 0) != pid) throw std::runtime_error("cannot wait");
  ProcessResult result;
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (options.output_file.empty()) result.out = read_file(out);
  if (options.error_file.empty()) result.err = read_file(err);
  return result;
}

}  // namespace lightmamba::test
