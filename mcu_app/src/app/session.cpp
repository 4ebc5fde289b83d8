#include "session.h"

#include <cstring>

#include "bitmar_kernels.h"
#include "board.h"
#include "card.h"
#include "eye.h"
#include "json.h"
#include "measure.h"
#include "name_layers.h"
#include "output.h"
#include "refusal.h"
#include "teaching.h"
#include "text.h"

namespace bitmar {

static engine_picture picture;

/* What `right` and `wrong` speak of: the last answer. The picture stays in `picture`. */
static struct {
  bool valid, named, pictured;
  uint32_t slot;
  char name[MS_NAME_BYTES];
} last;

/* The picture that a word names; *seeing: what it cost where this board saw it, else 0. */
static Problem look(const char* what, uint32_t* seeing) {
  const uint32_t begin = board_count();
  const Problem problem = see(what, &picture);
  *seeing = !problem && is_seen_here(what) ? board_count() - begin : 0;
  return problem;
}

/* -- answers */

static const char* const kVerdicts[] = {"unknown", "perhaps", "known"};
static const char* const kFound[] = {"name", "similar name", "text"};
enum Found { kByName, kBySimilarName, kByText, kByPicture };

/* The name of the best slot: decoded from it where that is known to give the name, and does; else its label.
 */
struct Answer {
  int32_t slot; /* -1: the memory is empty */
  int verdict;  /* ms_verdict, < 0: the model has no criterion */
  float score;
  bool has_score, named, decoded;
  Found found;
  ms_info info;
};

static Problem name_slot(Answer* answer, Measure* measure) {
  static float episode[BITMAR_DIM];
  const uint32_t slot = static_cast<uint32_t>(answer->slot);
  if (const int error = ms_read_slot(memory(), slot, episode)) return ms_strerror(error);
  ms_slot_info(memory(), slot, &answer->info);
  answer->named = true;
  if (!answer->info.decodes) return nullptr;
  Heard heard;
  Problem problem = read_name(memory(), episode, answer->info.name, &heard, measure);
  answer->decoded = !problem && heard.whole;
  return problem;
}

/* By the best slot for encoding.query; `judged`: as well as the model's criterion lets it. */
static Problem answer_query(bool judged, Answer* answer, Measure* measure) {
  int8_t query[BITMAR_DIM];
  float scale;
  ms_nearest_slot nearest;
  bm_quantise(encoding.query, BITMAR_DIM, query, &scale);
  if (const int error = ms_nearest(memory(), query, &nearest)) return ms_strerror(error);
  answer->slot = nearest.slot;
  answer->score = nearest.cosine;
  answer->has_score = true;
  answer->verdict = nearest.slot < 0 ? MS_UNKNOWN : judged ? judge(memory(), query, &nearest) : MS_PERHAPS;
  if (nearest.slot < 0) return nullptr;
  if (answer->verdict != MS_UNKNOWN) return name_slot(answer, measure);
  ms_slot_info(memory(), static_cast<uint32_t>(nearest.slot), &answer->info);
  return nullptr;
}

static void remember(const Answer& answer) {
  last.valid = true;
  last.named = answer.named;
  last.pictured = answer.found == kByPicture;
  last.slot = static_cast<uint32_t>(answer.slot);
  std::memcpy(last.name, answer.info.name, sizeof last.name);
}

static void write_details(const Answer& answer) {
  put("\n  ");
  if (answer.slot < 0) return put("nothing was taught yet");
  put(answer.named ? "slot " : "nearest is slot "), put_number(static_cast<uint32_t>(answer.slot));
  if (!answer.named) put(": "), put_text(answer.info.name);
  if (answer.has_score) put(", score "), put_decimal(answer.score, 3);
  if (answer.found != kByPicture) put(", found by "), put(kFound[answer.found]);
  if (answer.named) put(answer.decoded ? ", decoded" : ", from its label");
  if (!answer.info.saved) put(", not saved");
}

static void write_answer(const char* word, bool as_json, const Answer& answer, const Measure& measure) {
  Json json(as_json);
  json.begin(word);
  json.text("text", answer.named ? answer.info.name : nullptr);
  json.text("verdict", answer.verdict < 0 ? nullptr : kVerdicts[answer.verdict]);
  json.text("answer_from", !answer.named ? nullptr : answer.decoded ? "decoded" : "label");
  if (answer.found != kByPicture) json.text("found_by", kFound[answer.found]);
  if (answer.slot < 0) {
    json.null("slot");
    json.null("name");
  } else {
    json.number("slot", static_cast<uint32_t>(answer.slot));
    json.text("name", answer.info.name);
    if (answer.has_score)
      json.decimal("score", answer.score, 4);
    else
      json.null("score");
    json.boolean("saved", answer.info.saved);
  }
  if (!as_json) {
    if (answer.named && answer.verdict == MS_PERHAPS) put("perhaps ");
    put_text(answer.named ? answer.info.name : "unknown");
    write_details(answer);
  }
  finish(&json, &measure);
}

/* -- the words */

static Problem teach_picture(const char* word, const char* name, uint32_t flags, bool as_json,
                             Measure* measure) {
  static float seen[BITMAR_DIM], key[BITMAR_DIM];
  static WrittenName written;
  static char question[160];
  const int32_t count = tokenize(name, std::strlen(name), 0);
  if (Problem problem = encode(count, &picture)) return problem;
  board_watchdog_feed();
  std::memcpy(seen, encoding.episode, sizeof seen);
  std::memcpy(key, encoding.key, sizeof key);
  if (Problem problem = write_name(memory(), name, seen, &written)) return problem;
  ms_teach_result result;
  if (written.decodes) flags |= MS_DECODES;
  ms_set_time(memory(), board_time());
  int error = ms_teach(memory(), name, written.episode, key, MS_TAUGHT, flags, &result);
  if (error == MS_E_OTHER_NAME && std::strcmp(word, "wrong") == 0) /* which name is wrong is said already */
    error = ms_teach(memory(), name, written.episode, key, MS_TAUGHT, flags | MS_REPLACE, &result);
  if (error == MS_E_OTHER_NAME) {
    compose(question, sizeof question,
            {"teach: the same picture is called ", result.previous,
             ": --replace writes over it, --both keeps both"});
    return question;
  }
  if (error != MS_OK) return ms_strerror(error);
  measure->end();
  static const char* const actions[] = {"new", "merged", "replaced", "evicted"};
  const bool alike = result.alike[0] && result.alike_cosine >= MS_EASILY_CONFUSED;
  Json json(as_json);
  json.begin(word);
  json.text("name", name);
  json.number("slot", result.slot);
  json.text("action", actions[result.action]);
  json.boolean("saved", result.saved);
  json.decimal("cosine", result.cosine, 4);
  json.text("previous", result.previous[0] ? result.previous : nullptr);
  json.boolean("decodes", written.decodes);
  json.number("tries", written.tries);
  json.text("easily_confused_with", alike ? result.alike : nullptr);
  if (!as_json) {
    put_text(name), put(": "), put(actions[result.action]), put(" in slot "), put_number(result.slot);
    if (!result.saved) put(" (not saved)");
    if (result.previous[0]) put(", instead of "), put_text(result.previous);
    if (alike) put("\n  easily confused with "), put_text(result.alike);
  }
  finish(&json, measure);
  return nullptr;
}

Problem teach(const char* picture_text, char* name, uint32_t options, bool as_json) {
  static const uint32_t flags[] = {MS_REPLACE, MS_BOTH, MS_KEEP}; /* in the order of kWords */
  uint32_t chosen = 0;
  for (uint32_t i = 0; i < 3; i++) chosen |= options >> i & 1 ? flags[i] : 0;
  if ((chosen & MS_REPLACE) && (chosen & MS_BOTH)) return "teach: --replace and --both, expected one of them";
  normalise(name);
  if (Problem problem = check_name(name)) return problem;
  last.valid = false;
  uint32_t seeing;
  if (Problem problem = look(picture_text, &seeing)) return problem;
  Measure measure(memory());
  measure.seeing = seeing;
  return teach_picture("teach", name, chosen, as_json, &measure);
}

Problem ask(const char* picture_text, bool as_json) {
  last.valid = false;
  uint32_t seeing;
  if (Problem problem = look(picture_text, &seeing)) return problem;
  Measure measure(memory());
  measure.seeing = seeing;
  if (Problem problem = encode(0, &picture)) return problem;
  board_watchdog_feed();
  Answer answer = {};
  answer.found = kByPicture;
  if (Problem problem = answer_query(true, &answer, &measure)) return problem;
  measure.end();
  remember(answer);
  write_answer("ask", as_json, answer, measure);
  return nullptr;
}

Problem say(char* text, bool as_json) {
  normalise(text);
  if (!text[0]) return "say: an empty text, expected some words";
  if (std::strlen(text) > kMaxTextBytes) return "say: more than 255 bytes";
  last.valid = false;
  Measure measure(memory());
  Answer answer = {};
  answer.slot = ms_find_similar(memory(), text);
  if (answer.slot >= 0) {
    ms_slot_info(memory(), static_cast<uint32_t>(answer.slot), &answer.info);
    const bool exact = std::strcmp(answer.info.name, text) == 0;
    answer.found = exact ? kByName : kBySimilarName;
    answer.verdict = exact ? MS_KNOWN : MS_PERHAPS;
    if (Problem problem = name_slot(&answer, &measure)) return problem;
  } else {
    answer.found = kByText;
    const int32_t count = tokenize(text, std::strlen(text), 0);
    if (count <= 0) return "this firmware was built without a tokenizer: it takes no texts";
    if (count > static_cast<int32_t>(kMaxTextTokens)) return "the text is too long for the model";
    if (Problem problem = encode(count, nullptr)) return problem;
    board_watchdog_feed();
    if (Problem problem = answer_query(false, &answer, &measure)) return problem;
  }
  measure.end();
  remember(answer);
  write_answer("say", as_json, answer, measure);
  return nullptr;
}

/* Is there an answer to speak of, and its thing still where it was? */
static bool answered() {
  ms_info info;
  if (!last.valid) return false;
  if (!last.named) return true;
  return ms_slot_info(memory(), last.slot, &info) == MS_OK && std::strcmp(info.name, last.name) == 0;
}

Problem right(bool as_json) {
  if (!answered() || !last.named) return "right: nothing was answered, expected it after an answer";
  if (const int error = ms_confirm(memory(), last.slot, MS_RIGHT)) return ms_strerror(error);
  last.valid = false;
  ms_info info;
  ms_slot_info(memory(), last.slot, &info);
  Json json(as_json);
  json.begin("right");
  json.text("name", info.name);
  json.decimal("importance", info.importance, 4);
  if (!as_json) put_text(info.name), put(": importance "), put_decimal(info.importance, 2);
  finish(&json, nullptr);
  return nullptr;
}

Problem wrong(char* name, bool as_json) {
  static char problem[160];
  normalise(name);
  if (Problem wrong_name = check_name(name)) return wrong_name;
  if (!answered()) return "wrong: nothing was answered, expected it after an answer";
  if (!last.pictured) return "wrong: the last question was a text, expected one about a picture";
  if (last.named && std::strcmp(name, last.name) == 0) {
    compose(problem, sizeof problem, {"wrong: '", name, "' is what was answered, expected another name"});
    return problem;
  }
  last.valid = false;
  Measure measure(memory());
  if (last.named)
    if (const int error = ms_confirm(memory(), last.slot, MS_WRONG)) return ms_strerror(error);
  return teach_picture("wrong", name, 0, as_json, &measure);
}

Problem caption(const char* picture_text, bool as_json) {
  struct {
    char text[512];
    uint32_t length;
  } static said;
  last.valid = false;
  uint32_t seeing;
  if (Problem problem = look(picture_text, &seeing)) return problem;
  Measure measure(memory());
  measure.seeing = seeing;
  if (Problem problem = encode(0, &picture)) return problem;
  board_watchdog_feed();
  std::memset(context, 0, sizeof context);
  said.length = 0;
  TextStream shown; /* a token may end inside a character */
  Stream stream(encoding.latent);
  measure.decode_begin();
  uint32_t steps = 0;
  while (steps < BITMAR_TOKENS) {
    int32_t token;
    char piece[255];
    uint32_t length;
    if (Problem problem = stream.next(&token, piece, &length)) return problem;
    steps++;
    if (token == BITMAR_EOS) break;
    if (!as_json) shown.write(piece, length);
    for (uint32_t i = 0; i < length && said.length < sizeof said.text; i++)
      said.text[said.length++] = piece[i];
  }
  shown.end();
  measure.decode_end(steps);
  measure.end();
  Json json(as_json);
  json.begin("caption");
  json.text("text", said.text, said.length);
  finish(&json, &measure);
  return nullptr;
}

}  // namespace bitmar
