#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <glow/latent/interpolate.h>
#include <glow/nn/latents.h>

#include "tools/common/flags.h"
#include "tools/serve/api.h"

// The fields of requests, which are flags of the tools.

namespace glow::tools {

/// POST /api/sample
struct SampleCall {
  std::int64_t count = 1;
  /// 0: as square as possible.
  std::int64_t columns = 0;
  nn::Temperature temperature = 1.0;
  std::string class_name;
  std::uint64_t seed = 0;
};

template <class Visitor>
void visit_fields(SampleCall& call, Visitor&& visit) {
  visit("count", call.count);
  visit("columns", call.columns);
  visit("temperature", call.temperature);
  visit("class", call.class_name);
  visit("seed", call.seed);
}

/// POST /api/encode
struct EncodeCall {
  std::string class_name;
};

template <class Visitor>
void visit_fields(EncodeCall& call, Visitor&& visit) {
  visit("class", call.class_name);
}

/// POST /api/decode
struct DecodeCall {
  std::vector<std::string> ids;
  std::int64_t columns = 0;
};

template <class Visitor>
void visit_fields(DecodeCall& call, Visitor&& visit) {
  visit("ids", call.ids);
  visit("columns", call.columns);
}

/// POST /api/edit
struct EditCall {
  std::vector<std::string> ids;
  /// As in glow-edit apply: the image moves along each of these directions, by as many strengths.
  std::vector<std::string> direction;
  std::vector<double> strengths;
  /// As in glow-edit vary: how much of the latents is drawn anew, before the image moves.
  std::vector<double> amount{0};
  nn::Temperature temperature = 1.0;
  std::uint64_t seed = 0;
  std::int64_t columns = 0;
};

template <class Visitor>
void visit_fields(EditCall& call, Visitor&& visit) {
  visit("ids", call.ids);
  visit("direction", call.direction);
  visit("strengths", call.strengths);
  visit("amount", call.amount);
  visit("temperature", call.temperature);
  visit("seed", call.seed);
  visit("columns", call.columns);
}

/// POST /api/mix
struct MixCall {
  /// Two to four.
  std::vector<std::string> ids;
  /// A place between two images, or between four at the corners of a square; empty: a path through all images.
  std::vector<double> at;
  /// Of the path, from one image to the next, as in glow-edit interpolate.
  std::int64_t points = 8;
  latent::InterpolationKind kind = latent::InterpolationKind::kSpherical;
  std::int64_t columns = 0;
};

template <class Visitor>
void visit_fields(MixCall& call, Visitor&& visit) {
  visit("ids", call.ids);
  visit("at", call.at);
  visit("points", call.points);
  visit("kind", call.kind);
  visit("columns", call.columns);
}

/// POST /api/score
struct ScoreCall {
  /// 0: the centres of the bins.
  std::int64_t draws = 1;
  std::uint64_t seed = 0;
};

template <class Visitor>
void visit_fields(ScoreCall& call, Visitor&& visit) {
  visit("draws", call.draws);
  visit("seed", call.seed);
}

/// GET /api/reference
struct ReferenceCall {
  std::int64_t index = 0;
};

template <class Visitor>
void visit_fields(ReferenceCall& call, Visitor&& visit) {
  visit("index", call.index);
}

const std::vector<FlagText>& sample_call_table();
const std::vector<FlagText>& encode_call_table();
const std::vector<FlagText>& decode_call_table();
const std::vector<FlagText>& edit_call_table();
const std::vector<FlagText>& mix_call_table();
const std::vector<FlagText>& score_call_table();
const std::vector<FlagText>& reference_call_table();

/// The fields of a JSON object as flags. Throws ConfigError for another content type than application/json, for a body
/// that is no JSON object, and for a value that no flag can have.
GivenFlags given_by_body(const ApiRequest& request);
/// The fields of the URL.
GivenFlags given_by_query(const ApiRequest& request);
/// Sets the fields of `flags` from those given. Throws ConfigError for a field that the call does not have.
void set_known(const Flags& flags, const GivenFlags& given);

/// Fills in `call` from the body and returns what was given.
template <class Call>
GivenFlags read_call(const ApiRequest& request, const std::vector<FlagText>& table, Call& call) {
  Flags flags(table);
  flags.bind(call);
  auto given = given_by_body(request);
  set_known(flags, given);
  return given;
}

template <class Call>
Call read_query(const ApiRequest& request, const std::vector<FlagText>& table) {
  Call call;
  Flags flags(table);
  flags.bind(call);
  set_known(flags, given_by_query(request));
  return call;
}

/// " --count 4 --seed 3"
std::string arguments_of(const GivenFlags& given);

}  // namespace glow::tools
