#include "io/tasks.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/fail.h"
#include "base/utf8.h"
#include "io/json.h"
#include "io/text.h"

namespace lightmamba {
namespace {

std::string text_field(const Json& object, std::string_view name, std::string_view source) {
  auto text = json_field<std::string>(object, name, source);
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    fail("{}: field '{}' is empty", source, name);
  }
  return text;
}

std::vector<std::string> text_array(const Json& object, std::string_view name,
                                    std::string_view source) {
  const auto array = object.find(name);
  if (array == object.end()) fail("{}: missing field '{}'", source, name);
  if (!array->is_array()) {
    fail("{}: field '{}': expected an array, found {}", source, name, json_kind(*array));
  }
  std::vector<std::string> texts;
  for (const Json& text : *array) {
    if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
      fail("{}: field '{}': expected texts, found {}", source, name, text.dump());
    }
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

std::vector<TextLine> read_items(const std::filesystem::path& path) {
  std::vector<TextLine> lines = read_lines(path);
  if (lines.empty()) fail("{}: no items", path);
  return lines;
}

// The labels of choices, or those of answers, run either A, B, ... or 1, 2, ...
std::optional<std::size_t> label_position(std::string_view label) {
  if (label.size() != 1) return std::nullopt;
  const char c = label.front();
  if (c >= 'A' && c <= 'Z') return static_cast<std::size_t>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<std::size_t>(c - 'a');
  if (c >= '1' && c <= '9') return static_cast<std::size_t>(c - '1');
  return std::nullopt;
}

// Returns the index of the answer among choices with these labels. A letter may stand for a number.
std::size_t answer_index(std::string_view key, const std::vector<std::string>& labels,
                         std::string_view field, std::string_view where) {
  const auto same = std::find(labels.begin(), labels.end(), key);
  if (same != labels.end()) return static_cast<std::size_t>(same - labels.begin());
  const std::optional<std::size_t> position = label_position(key);
  if (position) {
    const auto equivalent = std::find_if(labels.begin(), labels.end(), [&](const auto& label) {
      return label_position(label) == position;
    });
    if (equivalent != labels.end()) return static_cast<std::size_t>(equivalent - labels.begin());
  }
  fail("{}: field '{}': '{}' is none of the {} choices", where, field, key, labels.size());
}

void require_choices(std::size_t count, std::string_view field, std::string_view where) {
  if (count < 2) fail("{}: field '{}': expected two or more, found {}", where, field, count);
}

// `where` names the line and, in JSON, the field.
LastWordItem last_word_item(const std::string& text, const TextLine& line, std::string_view where) {
  const std::size_t space = text.rfind(' ');
  if (space == std::string::npos || space + 1 == text.size() ||
      trimmed(std::string_view(text).substr(0, space)).empty()) {
    fail("{}: expected a passage, a space and a last word", where);
  }
  return {text.substr(0, space), text.substr(space + 1), line.where};
}

std::size_t piqa_label(const Json& fields, std::string_view where) {
  const auto label = json_field<std::int64_t>(fields, "label", where);
  if (label != 0 && label != 1) fail("{}: field 'label': expected 0 or 1, found {}", where, label);
  return static_cast<std::size_t>(label);
}

std::vector<std::size_t> read_piqa_labels(const std::filesystem::path& path) {
  std::vector<std::size_t> labels;
  for (const TextLine& line : read_lines(path)) {
    const std::string_view label = trimmed(line.text);
    if (label != "0" && label != "1") {
      fail("{}: expected label 0 or 1, found '{}'", line.where, label);
    }
    labels.push_back(label == "1" ? 1 : 0);
  }
  return labels;
}

// Reads choices as their authors write them, [{"text", "label"}].
void read_choice_objects(const Json& choices, const std::string& where, ChoiceItem& item,
                         std::vector<std::string>& labels) {
  require_choices(choices.size(), "choices", where);
  for (const Json& choice : choices) {
    const std::string in_choice = fmt::format("{}: choice {}", where, labels.size() + 1);
    item.choices.push_back(text_field(choice, "text", in_choice));
    labels.push_back(text_field(choice, "label", in_choice));
  }
}

// Reads the same choices as the datasets library exports them, {"text": [...], "label": [...]}.
void read_choice_columns(const Json& choices, const std::string& where, ChoiceItem& item,
                         std::vector<std::string>& labels) {
  const std::string in_choices = where + ": choices";
  item.choices = text_array(choices, "text", in_choices);
  labels = text_array(choices, "label", in_choices);
  if (labels.size() != item.choices.size()) {
    fail("{}: {} texts, but {} labels", in_choices, item.choices.size(), labels.size());
  }
  require_choices(item.choices.size(), "choices", where);
}

// The question of an exported item is a string with its choices beside it; in the authors' files it
// is an object that holds them.
ChoiceItem arc_item(const TextLine& line) {
  const Json fields = parse_json(line.text, line.where);
  const auto key = text_field(fields, "answerKey", line.where);
  const auto question = fields.find("question");
  const bool is_exported =
      question == fields.end() ? fields.contains("question_stem") : question->is_string();
  if (question == fields.end() && !is_exported) fail("{}: missing field 'question'", line.where);
  const Json& holder = is_exported ? fields : *question;
  const std::string where = is_exported ? line.where : line.where + ": question";
  const char* stem = "stem";
  if (is_exported) stem = question == fields.end() ? "question_stem" : "question";

  ChoiceItem item{text_field(holder, stem, where), {}, 0, line.where};
  const auto choices = holder.find("choices");
  if (choices == holder.end()) fail("{}: missing field 'choices'", where);
  std::vector<std::string> labels;
  if (choices->is_array()) {
    read_choice_objects(*choices, where, item, labels);
  } else if (choices->is_object()) {
    read_choice_columns(*choices, where, item, labels);
  } else {
    fail("{}: field 'choices': expected an array, found {}", where, json_kind(*choices));
  }
  for (auto label = labels.begin(); label != labels.end(); ++label) {
    if (std::find(labels.begin(), label, *label) != label) {
      fail("{}: two choices have the label '{}'", where, printable(*label));
    }
  }
  item.answer = answer_index(key, labels, "answerKey", line.where);
  return item;
}

std::vector<std::string_view> split_tabs(std::string_view line) {
  std::vector<std::string_view> columns;
  for (;;) {
    const std::size_t tab = line.find('\t');
    columns.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return columns;
    line.remove_prefix(tab + 1);
  }
}

// Splits "(A) one (B) two": each mark is looked for after the one before it.
std::vector<std::string> split_choices(std::string_view text, std::string_view where) {
  std::vector<std::size_t> marks;
  constexpr std::size_t kMarkSize = 3;
  for (char letter = 'A'; letter <= 'Z'; ++letter) {
    const std::string mark = {'(', letter, ')'};
    const std::size_t from = marks.empty() ? 0 : marks.back() + kMarkSize;
    const std::size_t found = text.find(mark, from);
    if (found == std::string_view::npos) break;
    marks.push_back(found);
  }
  require_choices(marks.size(), "Choices", where);
  marks.push_back(text.size());
  std::vector<std::string> choices;
  for (std::size_t i = 0; i + 1 < marks.size(); ++i) {
    const std::size_t begin = marks[i] + kMarkSize;
    choices.emplace_back(trimmed(text.substr(begin, marks[i + 1] - begin)));
    if (choices.back().empty()) fail("{}: field 'Choices': choice {} is empty", where, i + 1);
  }
  return choices;
}

class OpenBookQaTable {
 public:
  explicit OpenBookQaTable(const TextLine& header) {
    const std::vector<std::string_view> names = split_tabs(header.text);
    width_ = names.size();
    const auto index_of = [&](std::string_view name) {
      const auto found = std::find(names.begin(), names.end(), name);
      if (found == names.end()) fail("{}: no column '{}' in the header", header.where, name);
      return static_cast<std::size_t>(found - names.begin());
    };
    stem_ = index_of("Question Stem");
    choices_ = index_of("Choices");
    answer_ = index_of("Answer Key");
  }

  ChoiceItem item(const TextLine& line) const {
    const std::vector<std::string_view> columns = split_tabs(line.text);
    if (columns.size() != width_) {
      fail("{}: expected {} columns, found {}", line.where, width_, columns.size());
    }
    ChoiceItem item{std::string(trimmed(columns[stem_])),
                    split_choices(columns[choices_], line.where), 0, line.where};
    if (item.question.empty()) fail("{}: field 'Question Stem' is empty", line.where);
    std::vector<std::string> labels;
    for (std::size_t i = 0; i < item.choices.size(); ++i) {
      labels.emplace_back(1, static_cast<char>('A' + i));
    }
    item.answer = answer_index(trimmed(columns[answer_]), labels, "Answer Key", line.where);
    return item;
  }

 private:
  std::size_t width_ = 0;
  std::size_t stem_ = 0;
  std::size_t choices_ = 0;
  std::size_t answer_ = 0;
};

// Tells lines of JSON from plain text, which may begin with a bracket too.
bool is_json_line(std::string_view line) {
  if (Json::accept(line)) return line.front() == '{' || line.front() == '[';
  if (!line.starts_with('{')) return false;
  const std::size_t next = line.find_first_not_of(" \t", 1);
  return next == std::string_view::npos || line[next] == '"';
}

}  // namespace

std::filesystem::path piqa_labels_path(const std::filesystem::path& path) {
  return path.parent_path() / (path.stem().string() + "-labels.lst");
}

std::vector<LastWordItem> read_lambada(const std::filesystem::path& path) {
  const std::vector<TextLine> lines = read_items(path);
  const bool is_json = is_json_line(lines.front().text);
  std::vector<LastWordItem> items;
  items.reserve(lines.size());
  for (const TextLine& line : lines) {
    items.push_back(
        is_json ? last_word_item(text_field(parse_json(line.text, line.where), "text", line.where),
                                 line, line.where + ": field 'text'")
                : last_word_item(std::string(trimmed(line.text)), line, line.where));
  }
  return items;
}

std::vector<ChoiceItem> read_piqa(const std::filesystem::path& path) {
  std::vector<ChoiceItem> items;
  bool labels_inside = false;
  for (const TextLine& line : read_items(path)) {
    const Json fields = parse_json(line.text, line.where);
    ChoiceItem item{text_field(fields, "goal", line.where), {}, 0, line.where};
    item.choices = {text_field(fields, "sol1", line.where), text_field(fields, "sol2", line.where)};
    if (items.empty()) labels_inside = fields.contains("label");
    if (labels_inside) item.answer = piqa_label(fields, line.where);
    items.push_back(std::move(item));
  }
  if (labels_inside) return items;

  const std::filesystem::path labels_path = piqa_labels_path(path);
  const std::vector<std::size_t> labels = read_piqa_labels(labels_path);
  if (labels.size() != items.size()) {
    fail("{}: {} labels for the {} items of {}", labels_path, labels.size(), items.size(), path);
  }
  for (std::size_t i = 0; i < items.size(); ++i) items[i].answer = labels[i];
  return items;
}

std::vector<ChoiceItem> read_arc(const std::filesystem::path& path) {
  std::vector<ChoiceItem> items;
  for (const TextLine& line : read_items(path)) items.push_back(arc_item(line));
  return items;
}

std::vector<ChoiceItem> read_openbookqa(const std::filesystem::path& path) {
  const std::vector<TextLine> lines = read_items(path);
  if (lines.front().text.starts_with('{')) return read_arc(path);
  const OpenBookQaTable table(lines.front());
  std::vector<ChoiceItem> items;
  for (std::size_t i = 1; i < lines.size(); ++i) items.push_back(table.item(lines[i]));
  if (items.empty()) fail("{}: no items", path);
  return items;
}

}  // namespace lightmamba
