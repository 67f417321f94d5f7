#include "io/added_tokens.h"

#include <algorithm>
#include <utility>

#include "io/unicode.h"

namespace lightmamba {
namespace {

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin > 0 && is_word_character(code_point_before(text, begin).value)) return false;
  return end == text.size() || !is_word_character(code_point_at(text, end).value);
}

std::size_t skip_space(std::string_view text, std::size_t begin) {
  std::size_t at = begin;
  while (at < text.size()) {
    const CodePoint c = code_point_at(text, at);
    if (char_class(c.value) != CharClass::space) break;
    at += c.size;
  }
  return at;
}

// Does the same backwards, not beyond `bound`.
std::size_t skip_space_before(std::string_view text, std::size_t end, std::size_t bound) {
  std::size_t at = end;
  while (at > bound) {
    const CodePoint c = code_point_before(text, at);
    if (char_class(c.value) != CharClass::space) break;
    at -= c.size;
  }
  return at;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), token_of_node_{-1} {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string& content = tokens_[i].content;
    std::uint32_t node = 0;
    for (const char c : content) {
      std::uint32_t& child = edges_[std::uint64_t{node} << 8 | static_cast<unsigned char>(c)];
      if (child == 0) {
        child = static_cast<std::uint32_t>(token_of_node_.size());
        token_of_node_.push_back(-1);
      }
      node = child;
    }
    if (node == 0) continue;
    begins_token_[static_cast<unsigned char>(content[0])] = true;
    if (token_of_node_[node] < 0) token_of_node_[node] = static_cast<std::int32_t>(i);
  }
}

AddedTokenMatcher::Match AddedTokenMatcher::longest_at(std::string_view text,
                                                       std::size_t begin) const {
  Match match{nullptr, begin};
  std::uint32_t node = 0;
  for (std::size_t at = begin; at < text.size(); ++at) {
    const std::uint32_t* child =
        edges_.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[at]));
    if (child == nullptr) break;
    node = *child;
    const std::int32_t token = token_of_node_[node];
    if (token >= 0) match = {&tokens_[static_cast<std::size_t>(token)], at + 1};
  }
  return match;
}

std::vector<AddedTokenPiece> AddedTokenMatcher::split(std::string_view text) const {
  std::vector<AddedTokenPiece> pieces;
  std::size_t done = 0;       // the end of the text that pieces cover
  std::size_t space_end = 0;  // the end of the white space after the last rstrip token
  for (std::size_t at = 0; at < text.size();) {
    if (!begins_token_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const Match match = longest_at(text, at);
    if (match.token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    at = match.end;
    const AddedToken& token = *match.token;
    if (token.single_word && !stands_alone(text, begin, match.end)) continue;
    if (token.lstrip) begin = std::max(skip_space_before(text, begin, done), done);
    std::size_t end = match.end;
    if (token.rstrip) {
      if (end >= space_end) space_end = skip_space(text, end);
      end = space_end;
    }
    if (begin >= end) continue;  // the token before has taken all of it
    if (done < begin) pieces.push_back({text.substr(done, begin - done), -1});
    pieces.push_back({{}, token.id});
    done = end;
  }
  if (done < text.size()) pieces.push_back({text.substr(done), -1});
  return pieces;
}

}  // namespace lightmamba
