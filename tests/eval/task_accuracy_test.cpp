#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include <lightmamba/evaluate.h>
#include <lightmamba/load.h>

#include "io/tasks.h"
#include "support/errors.h"
#include "support/likelihood.h"
#include "support/on_reference.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using test::error_of;
using test::RandomModel;
using ::testing::HasSubstr;

const Model& model() {
  static const Model shipped = open_model(test::shipped_model());
  return shipped;
}

struct Score {
  double log_likelihood = 0;
  bool greedy = true;
};

// From scratch: the ids of the context, then what the whole text has beyond them.
Score score_by_decode(const std::string& context, const std::string& continuation) {
  std::vector<TokenId> ids = model().tokenizer().encode(context);
  const std::size_t context_size = ids.size();
  const std::vector<TokenId> whole = model().tokenizer().encode(context + continuation);
  ids.insert(ids.end(), whole.begin() + std::ssize(ids), whole.end());
  Score score;
  const auto each = test::likelihoods_by_decode(model(), ids);
  for (std::size_t i = context_size - 1; i < each.size(); ++i) {
    score.log_likelihood -= each[i].nll;
    score.greedy = score.greedy && each[i].largest;
  }
  return score;
}

double characters(const std::string& text) {
  return static_cast<double>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

struct Expected {
  double plain = 0;
  double normalized = 0;
};

Expected choices_by_decode(const std::vector<ChoiceItem>& items, const std::string& before,
                           const std::string& after) {
  Expected right;
  for (const ChoiceItem& item : items) {
    const std::string context = fmt::format("{}{}{}", before, item.question, after);
    std::vector<double> plain;
    std::vector<double> normalized;
    for (const std::string& choice : item.choices) {
      const double score = score_by_decode(context, " " + choice).log_likelihood;
      plain.push_back(score);
      normalized.push_back(score / characters(choice));
    }
    const auto answer = static_cast<std::ptrdiff_t>(item.answer);
    right.plain += std::max_element(plain.begin(), plain.end()) - plain.begin() == answer ? 1 : 0;
    right.normalized +=
        std::max_element(normalized.begin(), normalized.end()) - normalized.begin() == answer ? 1
                                                                                              : 0;
  }
  return right;
}

void expect_choices(Task task, const std::filesystem::path& path, std::vector<ChoiceItem> items,
                    std::int64_t limit, const std::string& before, const std::string& after) {
  items.resize(static_cast<std::size_t>(limit));
  const Expected right = choices_by_decode(items, before, after);
  const TaskResult result = evaluate_task(model(), task, path, {.limit = limit});
  const auto n = static_cast<double>(limit);
  EXPECT_EQ(result.task, task);
  EXPECT_EQ(result.n, limit);
  EXPECT_DOUBLE_EQ(result.accuracy.value, right.plain / n);
  ASSERT_TRUE(result.normalized_accuracy);
  EXPECT_DOUBLE_EQ(result.normalized_accuracy->value, right.normalized / n);
  EXPECT_DOUBLE_EQ(result.accuracy.standard_error,
                   std::sqrt(right.plain / n * (1 - right.plain / n) / (n - 1)));
  EXPECT_FALSE(result.perplexity);
}

class TaskAccuracy : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& content) const {
    test::write_file(folder_ / "data", content);
    return folder_ / "data";
  }
  test::TemporaryFolder folder_;
};

// Items on which the plain score, the score per character and the score per byte differ.
constexpr const char* kQuestions =
    "Question Stem\tChoices\tAnswer Key\n"
    "And God said unto\t(A) Moses (B) the children of Israel, Go out of the land (C) xylophone\tB\n"
    "Mr. Darcy was a\t(A) man (B) gentleman of great fortune (C) \xc3\xa9\xc3\xa9\xc3\xa9\tB\n"
    "Her name\t(A) \xe2\x82\xac (B) `\tB\n"
    "The king of\t(A) Israel (B) zq (C) the Jews\tA\n"
    "She was\t(A) \xf0\x9f\x98\x80 (B) very much surprised at it (C) not\tC\n";

TEST_F(TaskAccuracy, ChoicesAreScoredAsFromScratch) {
  const auto path = write(kQuestions);
  expect_choices(Task::openbookqa, path, read_openbookqa(path), 5, "", "");
}

TEST_F(TaskAccuracy, NormalizedAndPlainScoresDiffer) {
  const Expected right = choices_by_decode(read_openbookqa(write(kQuestions)), "", "");
  EXPECT_NE(right.plain, right.normalized);
}

TEST_F(TaskAccuracy, RealItemsAreScoredAsFromScratch) {
  LIGHTMAMBA_NEEDS_DATA("tasks");
  const auto piqa = test::data_path("tasks/piqa_valid.jsonl");
  expect_choices(Task::piqa, piqa, read_piqa(piqa), 2, "Question: ", "\nAnswer:");
  const auto arc = test::data_path("tasks/arc_easy_test.jsonl");
  expect_choices(Task::arc, arc, read_arc(arc), 2, "Question: ", "\nAnswer:");
  const auto openbookqa = test::data_path("tasks/openbookqa_main_test.tsv");
  expect_choices(Task::openbookqa, openbookqa, read_openbookqa(openbookqa), 2, "", "");
}

TEST_F(TaskAccuracy, LastWordsMustBeTheMostLikely) {
  std::string lines;
  double nll = 0;
  double right = 0;
  for (const char* text :
       {"And he said unto them, Go", "the children of Israel", "the LORD thy God",
        "she was not to be prevailed upon to join in such a scheme", "Mr. Darcy and Miss  Bingley",
        "and it came to pass"}) {
    lines += fmt::format("{{\"text\": \"{}\"}}\n", text);
    const std::string whole = text;
    // Where two spaces come before the word, the first belongs to it too.
    const std::size_t end = whole.find_last_not_of(' ', whole.rfind(' ')) + 1;
    const Score score = score_by_decode(whole.substr(0, end), whole.substr(end));
    nll -= score.log_likelihood;
    right += score.greedy ? 1 : 0;
  }
  ASSERT_GT(right, 0);
  ASSERT_LT(right, 6);
  const TaskResult result = evaluate_task(model(), Task::lambada, write(lines));
  EXPECT_EQ(result.n, 6);
  EXPECT_DOUBLE_EQ(result.accuracy.value, right / 6);
  EXPECT_FALSE(result.normalized_accuracy);
  ASSERT_TRUE(result.perplexity);
  EXPECT_NEAR(*result.perplexity, std::exp(nll / 6), 1e-4 * std::exp(nll / 6));
}

TEST_F(TaskAccuracy, LimitAndProgress) {
  std::int64_t calls = 0;
  const TaskResult result =
      evaluate_task(model(), Task::openbookqa, write(kQuestions),
                    {.limit = 3, .progress = [&](std::int64_t done, std::int64_t total) {
                       EXPECT_EQ(done, ++calls);
                       EXPECT_EQ(total, 3);
                     }});
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(result.n, 3);
  EXPECT_EQ(evaluate_task(model(), Task::openbookqa, folder_ / "data", {.limit = 100}).n, 5);
  const TaskResult one = evaluate_task(model(), Task::openbookqa, folder_ / "data", {.limit = 1});
  EXPECT_TRUE(std::isnan(one.accuracy.standard_error));
}

TEST_F(TaskAccuracy, StopsBetweenItems) {
  std::stop_source source;
  std::int64_t items = 0;
  const TaskOptions options{.progress =
                                [&](std::int64_t done, std::int64_t /*total*/) {
                                  items = done;
                                  if (done == 2) source.request_stop();
                                },
                            .stop = source.get_token()};
  EXPECT_THROW(evaluate_task(model(), Task::openbookqa, write(kQuestions), options), Stopped);
  EXPECT_EQ(items, 2);
}

TEST_F(TaskAccuracy, TasksHaveNames) {
  for (const Task task : {Task::lambada, Task::piqa, Task::arc, Task::openbookqa}) {
    EXPECT_EQ(parse_task(task_name(task)), task);
  }
  EXPECT_THAT(
      error_of([] { parse_task("winogrande"); }),
      HasSubstr("unknown task 'winogrande': expected one of lambada, piqa, arc, openbookqa"));
}

TEST_F(TaskAccuracy, Refusals) {
  EXPECT_THAT(error_of([&] { evaluate_task(model(), Task::arc, write(kQuestions)); }),
              HasSubstr("data: line 1: not valid JSON"));
  EXPECT_THAT(
      error_of([&] { evaluate_task(model(), Task::openbookqa, folder_ / "data", {.limit = -1}); }),
      HasSubstr("limit must not be negative"));
  RandomModel({}).write_hugging_face(folder_ / "m");
  EXPECT_THAT(error_of([&] {
                evaluate_task(open_model(folder_ / "m"), Task::openbookqa, folder_ / "data");
              }),
              HasSubstr("no tokenizer"));
  // An id of the tokenizer that the model does not have: the item is named.
  const Model narrow = open_model(folder_ / "m", {test::shipped_model() / "tokenizer.json"});
  EXPECT_THAT(error_of([&] { evaluate_task(narrow, Task::openbookqa, folder_ / "data"); }),
              HasSubstr("data: line 2: token id"));
}

}  // namespace
}  // namespace lightmamba
