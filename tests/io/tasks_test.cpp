#include "io/tasks.h"

#include <functional>

#include "support/errors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

using ChoiceReader = std::function<std::vector<ChoiceItem>(const std::filesystem::path&)>;

class Tasks : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& content, const std::string& name = "data") const {
    test::write_file(folder_ / name, content);
    return folder_ / name;
  }
  std::string refusal(const ChoiceReader& read, const std::string& content) const {
    return error_of([&] { read(write(content)); });
  }
  test::TemporaryFolder folder_;
};

const std::string kArcLine =
    R"({"id": "x", "question": {"stem": "Why?", "choices": [)"
    R"({"text": "this", "label": "A", "para": "p"}, {"text": "that", "label": "B"}]},)"
    R"( "answerKey": "B"})";

std::string replaced(std::string text, const std::string& old_part, const std::string& new_part) {
  const std::size_t at = text.find(old_part);
  EXPECT_NE(at, std::string::npos) << old_part;
  return text.replace(at, old_part.size(), new_part);
}

TEST_F(Tasks, Lambada) {
  const auto items = read_lambada(write(
      "\xef\xbb\xbf{\"text\": \"a b\\nc  d\"}\r\n\r\n{\"text\": \"She said caf\\u00e9\"}\r\n"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].context, "a b\nc ");
  EXPECT_EQ(items[0].word, "d");
  EXPECT_THAT(items[0].where, EndsWith("data: line 1"));
  EXPECT_EQ(items[1].context, "She said");
  EXPECT_EQ(items[1].word, "caf\xc3\xa9");
  EXPECT_THAT(items[1].where, EndsWith("data: line 3"));
}

TEST_F(Tasks, LambadaAsTextMayBeginWithABracket) {
  for (const std::string passage : {"[ The door opened", "{ The door opened", "[1] It opened"}) {
    const auto items = read_lambada(write(passage + "\n{\"She said\n"));
    ASSERT_EQ(items.size(), 2u);
    EXPECT_EQ(items[0].context, passage.substr(0, passage.rfind(' ')));
    EXPECT_EQ(items[0].word, "opened");
  }
}

TEST_F(Tasks, ChoicesNeedDifferentLabels) {
  EXPECT_THAT(refusal(read_arc, replaced(kArcLine, "\"label\": \"A\"", "\"label\": \"B\"")),
              HasSubstr("data: line 1: question: two choices have the label 'B'"));
}

TEST_F(Tasks, LambadaRefusals) {
  const auto refused = [&](const std::string& content) {
    return error_of([&] { read_lambada(write(content)); });
  };
  EXPECT_THAT(refused("{\"text\": \"a b\"}\n{\"text\": 3}"),
              HasSubstr("data: line 2: field 'text': expected a string, found 3"));
  EXPECT_THAT(refused("{\"txt\": 3}"), HasSubstr("data: line 1: missing field 'text'"));
  EXPECT_THAT(refused("\n[1]"), HasSubstr("data: line 2: expected an object"));
  EXPECT_THAT(refused("{\"text\": "), HasSubstr("data: line 1: not valid JSON"));
  EXPECT_THAT(refused(""), HasSubstr("data: no items"));
  for (const char* text : {"word", " word", "some words ", "  "}) {
    EXPECT_THAT(refused("{\"text\": \"" + std::string(text) + "\"}"),
                HasSubstr("line 1: field 'text'"));
  }
}

TEST_F(Tasks, PiqaWithLabelsBesideIt) {
  write("1\r\n\n0\n", "valid-labels.lst");
  const auto items =
      read_piqa(write("{\"goal\": \"g\", \"sol1\": \"one \", \"sol2\": \"two\"}\n\n"
                      "{\"goal\": \"h\", \"sol1\": \"a\", \"sol2\": \"b\"}\n",
                      "valid.jsonl"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].question, "g");
  EXPECT_THAT(items[0].choices, ElementsAre("one ", "two"));
  EXPECT_EQ(items[0].answer, 1u);
  EXPECT_EQ(items[1].answer, 0u);
}

TEST_F(Tasks, PiqaWithLabelsInside) {
  const auto items =
      read_piqa(write("{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\", \"label\": 1}"));
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].answer, 1u);
}

TEST_F(Tasks, PiqaRefusals) {
  const std::string plain = "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}";
  EXPECT_THAT(refusal(read_piqa, plain), HasSubstr("data-labels.lst: cannot open"));
  write("1\n1\n", "data-labels.lst");
  EXPECT_THAT(refusal(read_piqa, plain), HasSubstr("data-labels.lst: 2 labels for the 1 items of"));
  write("\n2\n", "data-labels.lst");
  EXPECT_THAT(refusal(read_piqa, plain),
              HasSubstr("data-labels.lst: line 2: expected label 0 or 1, found '2'"));
  EXPECT_THAT(refusal(read_piqa, "{\"goal\": \"g\", \"sol1\": \"a\"}"),
              HasSubstr("data: line 1: missing field 'sol2'"));
  EXPECT_THAT(refusal(read_piqa, "{\"goal\": \"g\", \"sol1\": \"\", \"sol2\": \"b\"}"),
              HasSubstr("data: line 1: field 'sol1' is empty"));
  EXPECT_THAT(refusal(read_piqa, replaced(plain, "}", ", \"label\": 2}")),
              HasSubstr("data: line 1: field 'label': expected 0 or 1, found 2"));
  EXPECT_THAT(refusal(read_piqa, replaced(plain, "}", ", \"label\": 1}") + "\n" + plain),
              HasSubstr("data: line 2: missing field 'label'"));
}

TEST_F(Tasks, Arc) {
  const std::string numbers = replaced(
      replaced(replaced(kArcLine, "\"A\"", "\"1\""), "\"B\"", "\"2\""), "y\": \"B\"", "y\": \"1\"");
  const std::string mixed = replaced(kArcLine, "y\": \"B\"", "y\": \"1\"");
  const auto items = read_arc(write(kArcLine + "\r\n" + numbers + "\n\n" + mixed));
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].question, "Why?");
  EXPECT_THAT(items[0].choices, ElementsAre("this", "that"));
  EXPECT_EQ(items[0].answer, 1u);
  EXPECT_EQ(items[1].answer, 0u);
  EXPECT_EQ(items[2].answer, 0u);
  EXPECT_THAT(items[2].where, EndsWith("data: line 4"));
}

TEST_F(Tasks, ArcAsExported) {
  const auto items = read_arc(write(
      R"({"question": "Why?", "choices": {"text": ["this", "that"], "label": ["A", "B"]}, "answerKey": "B"})"
      "\n"
      R"({"question": "How?", "choices": {"text": ["x", "y", "z"], "label": ["1", "2", "3"]}, "answerKey": "3"})"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].question, "Why?");
  EXPECT_THAT(items[0].choices, ElementsAre("this", "that"));
  EXPECT_EQ(items[0].answer, 1u);
  EXPECT_EQ(items[1].answer, 2u);
}

TEST_F(Tasks, ArcAsExportedRefusals) {
  const auto refused = [&](const std::string& choices) {
    return refusal(read_arc,
                   R"({"question": "Why?", "answerKey": "A", "choices": )" + choices + "}");
  };
  EXPECT_THAT(refused(R"({"text": ["a", "b"]})"),
              HasSubstr("line 1: choices: missing field 'label'"));
  EXPECT_THAT(refused(R"({"text": ["a", "b"], "label": ["A"]})"),
              HasSubstr("line 1: choices: 2 texts, but 1 labels"));
  EXPECT_THAT(refused(R"({"text": ["a", 7], "label": ["A", "B"]})"),
              HasSubstr("line 1: choices: field 'text': expected texts, found 7"));
  EXPECT_THAT(refused(R"({"text": "a", "label": ["A", "B"]})"),
              HasSubstr("line 1: choices: field 'text': expected an array, found string"));
  EXPECT_THAT(refused(R"({"text": ["a"], "label": ["A"]})"),
              HasSubstr("field 'choices': expected two or more, found 1"));
}

TEST_F(Tasks, OpenBookQaAsExported) {
  const auto items = read_openbookqa(write(
      R"({"question_stem": "Fog is", "choices": {"text": ["wet", "dry"], "label": ["A", "B"]}, "answerKey": "A"})"));
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].question, "Fog is");
  EXPECT_THAT(items[0].choices, ElementsAre("wet", "dry"));
  EXPECT_EQ(items[0].answer, 0u);
}

TEST_F(Tasks, LambadaAsText) {
  const auto items = read_lambada(write("she saw the man\n\n they went home \n"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].context, "she saw the");
  EXPECT_EQ(items[0].word, "man");
  EXPECT_EQ(items[1].context, "they went");
  EXPECT_EQ(items[1].word, "home");
  EXPECT_THAT(error_of([&] { read_lambada(write("she saw\nword\n")); }),
              HasSubstr("data: line 2: expected a passage, a space and a last word"));
}

TEST_F(Tasks, ArcRefusals) {
  const auto refused = [&](const std::string& old_part, const std::string& new_part) {
    return refusal(read_arc, replaced(kArcLine, old_part, new_part));
  };
  EXPECT_THAT(refused("y\": \"B\"", "y\": \"C\""),
              HasSubstr("data: line 1: field 'answerKey': 'C' is none of the 2 choices"));
  EXPECT_THAT(refused("answerKey", "key"), HasSubstr("line 1: missing field 'answerKey'"));
  EXPECT_THAT(refused("\"question\"", "\"q\""), HasSubstr("line 1: missing field 'question'"));
  EXPECT_THAT(refused("stem", "text"), HasSubstr("line 1: question: missing field 'stem'"));
  EXPECT_THAT(refused("choices", "c"), HasSubstr("line 1: question: missing field 'choices'"));
  EXPECT_THAT(refused("\"that\"", "4"),
              HasSubstr("line 1: question: choice 2: field 'text': expected a string, found 4"));
  EXPECT_THAT(refused("{\"text\": \"that\", \"label\": \"B\"}", "7"),
              HasSubstr("line 1: question: choice 2: expected an object"));
  EXPECT_THAT(refused(", {\"text\": \"that\", \"label\": \"B\"}", ""),
              HasSubstr("field 'choices': expected two or more, found 1"));
  EXPECT_THAT(refusal(read_arc, R"({"question": 5, "answerKey": "A"})"),
              HasSubstr("line 1: question: expected an object, found number"));
  EXPECT_THAT(refusal(read_arc, R"({"question": "Why?", "answerKey": "A"})"),
              HasSubstr("line 1: missing field 'choices'"));
  EXPECT_THAT(refusal(read_arc, R"({"question": {"stem": "s", "choices": 5}, "answerKey": "A"})"),
              HasSubstr("field 'choices': expected an array, found number"));
}

TEST_F(Tasks, OpenBookQaTable) {
  const auto items = read_openbookqa(
      write("Answer Key\tQuestion Stem\tID\tChoices\r\n"
            "C\tFog is\t1\t(A) a marsh (see (C)) (B) a tundra (C) plain (D) dry \r\n"
            "2\tSo\t2\t(A) one (B) two\r\n"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].question, "Fog is");
  EXPECT_THAT(items[0].choices, ElementsAre("a marsh (see (C))", "a tundra", "plain", "dry"));
  EXPECT_EQ(items[0].answer, 2u);
  EXPECT_EQ(items[1].answer, 1u);
}

TEST_F(Tasks, OpenBookQaAsJsonLines) {
  const auto items = read_openbookqa(write(kArcLine));
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].question, "Why?");
  EXPECT_EQ(items[0].answer, 1u);
}

TEST_F(Tasks, OpenBookQaRefusals) {
  const std::string header = "Question Stem\tChoices\tAnswer Key\n";
  const auto refused = [&](const std::string& content) {
    return refusal(read_openbookqa, content);
  };
  EXPECT_THAT(refused("Question Stem\tChoices\n"),
              HasSubstr("data: line 1: no column 'Answer Key' in the header"));
  EXPECT_THAT(refused(header), HasSubstr("data: no items"));
  EXPECT_THAT(refused(header + "So\t(A) one (B) two\n"),
              HasSubstr("data: line 2: expected 3 columns, found 2"));
  EXPECT_THAT(refused(header + "So\tone two\tA\n"),
              HasSubstr("line 2: field 'Choices': expected two or more, found 0"));
  EXPECT_THAT(refused(header + "So\t(A) one (B)\tA\n"),
              HasSubstr("line 2: field 'Choices': choice 2 is empty"));
  EXPECT_THAT(refused(header + " \t(A) one (B) two\tA\n"),
              HasSubstr("line 2: field 'Question Stem' is empty"));
  EXPECT_THAT(refused(header + "So\t(A) one (B) two\tD\n"),
              HasSubstr("line 2: field 'Answer Key': 'D' is none of the 2 choices"));
}

TEST(RealTasks, HaveTheirPublishedSizes) {
  LIGHTMAMBA_NEEDS_DATA("tasks");
  const auto file = [](const char* name) { return test::data_path(std::string("tasks/") + name); };
  const auto lambada = read_lambada(file("lambada_test.jsonl"));
  EXPECT_EQ(lambada.size(), 5153u);
  EXPECT_EQ(lambada.front().word, "signs");
  const auto piqa = read_piqa(file("piqa_valid.jsonl"));
  EXPECT_EQ(piqa.size(), 1838u);
  EXPECT_EQ(piqa[1].answer, 1u);
  EXPECT_EQ(read_arc(file("arc_easy_test.jsonl")).size(), 2376u);
  EXPECT_EQ(read_arc(file("arc_challenge_test.jsonl")).size(), 1170u);
  const auto openbookqa = read_openbookqa(file("openbookqa_main_test.tsv"));
  EXPECT_EQ(openbookqa.size(), 500u);
  for (const ChoiceItem& item : openbookqa) EXPECT_EQ(item.choices.size(), 4u) << item.where;
  EXPECT_THAT(openbookqa[2].choices, ElementsAre("lions", "humans", "bunnies", "grass"));
  EXPECT_EQ(openbookqa[2].answer, 2u);
}

}  // namespace
}  // namespace lightmamba
