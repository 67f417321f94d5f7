// Data sets of the zero-shot tasks, in the formats their authors publish and in those that the
// datasets library exports. Errors name the file, the line and the field.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace lightmamba {

// A passage whose last word must be predicted from the words before it.
struct LastWordItem {
  std::string context;  // without the space in front of the word
  std::string word;
  std::string where;  // "FILE: line N"
};

struct ChoiceItem {
  std::string question;
  std::vector<std::string> choices;  // two or more
  std::size_t answer = 0;            // index of the right one
  std::string where;                 // "FILE: line N"
};

// LAMBADA as JSON lines, {"text"}, or as text with a passage on each line.
std::vector<LastWordItem> read_lambada(const std::filesystem::path& path);

// PIQA as JSON lines: {"goal", "sol1", "sol2"}. The answer, 0 or 1, is the line's "label" or, where
// lines have none, the line of the sibling file NAME-labels.lst.
std::vector<ChoiceItem> read_piqa(const std::filesystem::path& path);

// The file that the labels then lie in.
std::filesystem::path piqa_labels_path(const std::filesystem::path& path);

// ARC as JSON lines: {"question": {"stem", "choices": [{"text", "label"}]}, "answerKey"}, or
// exported: {"question", "choices": {"text": [...], "label": [...]}, "answerKey"}.
std::vector<ChoiceItem> read_arc(const std::filesystem::path& path);

// OpenBookQA, either as tab-separated columns "Question Stem", "Choices" ("(A) one (B) two") and
// "Answer Key" in any order, or as JSON lines like ARC's; the question may be "question_stem"
// there.
std::vector<ChoiceItem> read_openbookqa(const std::filesystem::path& path);

}  // namespace lightmamba
