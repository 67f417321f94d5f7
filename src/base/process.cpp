#include "base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fail.h"
#include "base/file_descriptor.h"

namespace lightmamba {
namespace {

// A socket rather than a pipe: writing to one whose other end is closed need not raise a signal.
struct Channel {
  FileDescriptor ours;
  FileDescriptor theirs;
};

Channel open_channel() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    fail("cannot open a channel to another program: {}", system_message(errno));
  }
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

class Program {
 public:
  Program(const std::vector<std::string>& words, std::string_view where_to_get_it) {
    std::vector<std::string> copies = words;
    std::vector<char*> arguments(copies.size() + 1, nullptr);
    std::transform(copies.begin(), copies.end(), arguments.begin(),
                   [](std::string& word) { return word.data(); });
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in_.theirs.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out_.theirs.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err_.theirs.get(), STDERR_FILENO);
    const int error =
        ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      fail("cannot start {}: {}; {}", words.front(), system_message(error), where_to_get_it);
    }
    for (Channel* channel : {&in_, &out_, &err_}) channel->theirs.close();
  }

  // Reads and writes at the same time, since either side may wait for the other to read.
  void talk(std::string_view input, ProgramResult& result) {
    while (in_.ours.get() >= 0 || out_.ours.get() >= 0 || err_.ours.get() >= 0) {
      std::array<pollfd, 3> waiting = {pollfd{in_.ours.get(), POLLOUT, 0},
                                       pollfd{out_.ours.get(), POLLIN, 0},
                                       pollfd{err_.ours.get(), POLLIN, 0}};
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) {
        fail("cannot wait for another program: {}", system_message(errno));
      }
      if (waiting[0].revents != 0) send(input);
      if (waiting[1].revents != 0) receive(out_.ours, result.out);
      if (waiting[2].revents != 0) receive(err_.ours, result.err);
    }
  }

  int exit_code() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {
      if (errno != EINTR) fail("cannot wait for another program: {}", system_message(errno));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  void send(std::string_view& input) {
    const ssize_t count =
        ::send(in_.ours.get(), input.data(), input.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) input.remove_prefix(static_cast<std::size_t>(count));
    const bool later = count < 0 && (errno == EAGAIN || errno == EINTR);
    if (!later && (count < 0 || input.empty())) in_.ours.close();
  }

  static void receive(FileDescriptor& from, std::string& text) {
    std::array<char, 1 << 16> block{};
    const ssize_t count = ::read(from.get(), block.data(), block.size());
    if (count > 0) text.append(block.data(), static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && errno != EINTR)) from.close();
  }

  Channel in_ = open_channel();
  Channel out_ = open_channel();
  Channel err_ = open_channel();
  pid_t pid_ = 0;
};

}  // namespace

ProgramResult run_program(const std::vector<std::string>& words, std::string_view input,
                          std::string_view where_to_get_it) {
  Program program(words, where_to_get_it);
  ProgramResult result;
  program.talk(input, result);
  result.exit_code = program.exit_code();
  return result;
}

}  // namespace lightmamba
