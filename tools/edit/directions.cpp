#include <algorithm>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/data/order.h>
#include <glow/data/split.h>
#include <glow/error.h>
#include <glow/images/attributes.h>
#include <glow/latent/arrange.h>
#include <glow/latent/directions.h>
#include <glow/shard.h>

#include "tools/common/data_settings.h"
#include "tools/common/flags.h"
#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

struct DirectionsSettings {
  EditSettings common;
  std::string data;
  ReadingSettings reading;
  /// A list of attributes; empty: the classes of the data are used as attributes.
  std::string attributes;
  /// 0: all images.
  std::int64_t count = 0;
  std::uint64_t seed = 0;
};

template <class Visitor>
void visit_fields(DirectionsSettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit("data", settings.data);
  visit_fields(settings.reading, visit);
  visit("attributes", settings.attributes);
  visit("count", settings.count);
  visit("seed", settings.seed);
}

const std::vector<FlagText>& directions_rows() {
  static const std::vector<FlagText> rows{
      source_row("data", "Images", "data set whose training images are used"),
      {"attributes", "Images", "FILE",
       "list of the images' attributes: CelebA's list_attr_celeba.txt, CelebA-HQ's list, or FILE.csv with a line of "
       "names and a line per image (file or index, then 1, 0 or -1); not given: the classes are the attributes"},
      {"count", "Images", "N|all", "use N images, chosen at random by --seed", Kept::kNo, "", number_word("all", 0)},
      seed_row("Images", "the choice of images for --count"),
  };
  return rows;
}

/// Images and their attributes.
struct Labelled {
  EditImages images;
  std::vector<std::string> names;
  /// int8 [N, K]: 1, 0 or -1.
  torch::Tensor has;
};

/// The name of an image in the list: its file, or its index in an array.
std::string listed_name(const images::ImageSource& source, std::int64_t index) {
  return source.common_shape() ? std::to_string(index) : source.name(index);
}

/// The row of every image, null for one that is not listed.
std::vector<const images::Attributes::Row*> rows_of(const images::ImageSource& source,
                                                    const images::Attributes& attributes, const std::string& list) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < source.size(); ++i) names.push_back(listed_name(source, i));
  try {
    return attributes.find_all(names);
  } catch (const FormatError& error) {
    throw FormatError(list, error.what());
  }
}

/// The indices of the listed images, and their rows.
std::pair<std::vector<std::int64_t>, torch::Tensor> listed(const images::ImageSource& source,
                                                           const images::Attributes& attributes,
                                                           const DirectionsSettings& settings) {
  std::vector<std::int64_t> places;
  std::vector<std::int8_t> labels;
  const auto rows = rows_of(source, attributes, settings.attributes);
  for (std::int64_t i = 0; i < source.size(); ++i) {
    const auto* row = rows[static_cast<std::size_t>(i)];
    if (row == nullptr) continue;
    places.push_back(i);
    labels.insert(labels.end(), row->begin(), row->end());
  }
  if (places.empty()) {
    throw ConfigError("attributes", settings.attributes + " lists none of the images of " + settings.data +
                                        ", for example " + listed_name(source, 0));
  }
  const auto images = static_cast<std::int64_t>(places.size());
  return {places,
          torch::tensor(labels, torch::kChar).view({images, static_cast<std::int64_t>(attributes.names().size())})};
}

/// The classes as attributes: each class against all others.
std::pair<std::vector<std::int64_t>, torch::Tensor> classes_of(const images::DataSet& set) {
  if (set.class_names.empty()) {
    throw ConfigError("attributes",
                      "expected a list of attributes, because the images of " + set.name + " have no classes");
  }
  const auto labels = torch::tensor(images::all_labels(*set.train), torch::kLong);
  const auto classes = torch::arange(static_cast<std::int64_t>(set.class_names.size()), torch::kLong);
  return {index_range(0, set.train->size()), labels.unsqueeze(1).eq(classes).to(torch::kChar)};
}

/// The images with the data's own classes if these are the attributes, otherwise with the model's classes if the data
/// have them.
images::DataSet open_training_images(const DirectionsSettings& settings, const nn::Glow& model) {
  require_given("data", settings.data, "a data set");
  return open_for_model("data", settings.data, model, settings.attributes.empty() ? Labels::kOfData : Labels::kIfKnown,
                        settings.reading);
}

/// See EditImages::model_labels.
std::vector<std::int64_t> labels_of_model(const images::DataSet& set, const nn::Glow& model) {
  const auto& known = model->class_names();
  std::vector<std::int64_t> labels;
  for (const auto& name : set.class_names) {
    const auto place = std::find(known.begin(), known.end(), name);
    labels.push_back(place == known.end() ? -1 : place - known.begin());
  }
  return labels;
}

Labelled open_labelled(const DirectionsSettings& settings, const nn::Glow& model) {
  const auto set = open_training_images(settings, model);
  auto names = set.class_names;
  std::pair<std::vector<std::int64_t>, torch::Tensor> all;
  if (settings.attributes.empty()) {
    all = classes_of(set);
  } else {
    const auto attributes = images::read_attributes(settings.attributes);
    names = attributes.names();
    all = listed(*set.train, attributes, settings);
  }
  auto& [places, has] = all;
  const auto found = static_cast<std::int64_t>(places.size());
  Subset subset(set);
  subset.narrow(set.train->size(), "the training images");
  subset.narrow(found, "those listed in " + settings.attributes);
  if (settings.count > 0 && settings.count < found) {
    auto drawn = data::epoch_order(found, settings.seed, 0);
    drawn.resize(static_cast<std::size_t>(settings.count));
    std::sort(drawn.begin(), drawn.end());
    has = has.index_select(0, torch::tensor(drawn, torch::kLong));
    for (auto& place : drawn) place = places[static_cast<std::size_t>(place)];
    places = drawn;
    subset.narrow(settings.count, grouped(settings.count) + " at random", "--count");
  }
  const auto source = std::make_shared<data::SubsetSource>(set.train, places);
  std::vector<std::int64_t> model_labels;
  if (settings.attributes.empty() && !same_classes(set, model)) model_labels = labels_of_model(set, model);
  const bool labelled = std::any_of(model_labels.begin(), model_labels.end(), [](auto label) { return label >= 0; });
  return {{.fitted = fitted("data", settings.data, source, model, settings.reading.geometry),
           .name = settings.data,
           .labelled = labelled || same_classes(set, model),
           .model_labels = std::move(model_labels),
           .places = places,
           .notes = SourceNotes(set),
           .subset = std::move(subset)},
          std::move(names),
          has};
}

/// An attribute has a direction if some images have it and others do not. This is checked before hours of encoding.
void require_two_sided(const torch::Tensor& has, const DirectionsSettings& settings) {
  if (has.eq(1).any(0).logical_and(has.eq(0).any(0)).any().item<bool>()) return;
  const bool of_classes = settings.attributes.empty();
  throw ConfigError(of_classes ? "data" : "attributes",
                    (of_classes ? "no class of " + settings.data : "none of " + settings.attributes) +
                        " has images with it and images without it");
}

void list_directions(const latent::Directions& directions, std::ostream& out) {
  for (std::size_t k = 0; k < directions.names.size(); ++k) {
    const auto place = static_cast<std::int64_t>(k);
    auto name = directions.names[k];
    constexpr std::size_t kNameWidth = 24;
    name.resize(std::max(kNameWidth, name.size() + 1), ' ');
    out << name << "with " << grouped(directions.counts[place][0].item<std::int64_t>()) << ", without "
        << grouped(directions.counts[place][1].item<std::int64_t>()) << ", length "
        << fixed(directions.vectors[place].norm().item<double>(), 3) << "\n";
  }
}

void check_seed(const DirectionsSettings& settings, const GivenFlags& given) {
  if (settings.count == 0) refuse(given, {"seed"}, "chooses the images of --count, which is not given");
}

void directions(const DirectionsSettings& settings, Console& console) {
  Editor editor(settings.common, console);
  require_range("count", settings.count, 0, kMostImages);
  editor.inputs().add_source(settings.data);
  editor.inputs().add(settings.attributes);
  editor.check_file_output({".safetensors"}, "glow-directions");
  const auto [images, names, has] = open_labelled(settings, editor.model());
  require_two_sided(has, settings);
  const auto labels = editor.labels(images);
  latent::DirectionAccumulator accumulator(names);
  editor.tell(images);
  editor.in_batches(
      images.size(), "encoded", [&, &images = images, &has = has](std::int64_t first, std::int64_t count) {
        const auto latents =
            editor.codec().encode_batch(images.bytes(first, count), latent::narrow_labels(labels, first, count));
        accumulator.add(latents, has.narrow(0, first, count));
      });
  const auto result = accumulator.finish();
  latent::save_directions(result, editor.checksum(), settings.common.out);
  for (const auto& name : accumulator.one_sided()) {
    console.err << "no direction for " << name << ": all images that are known have it, or none\n";
  }
  list_directions(result, console.out);
  console.out << count_text(std::ssize(result.names), "direction") << " from "
              << images_in(images.size(), settings.common.out) << "\n";
}

}  // namespace

Subcommand directions_command() {
  return make_subcommand<DirectionsSettings>(
      {.name = "glow-edit directions",
       .purpose = "Computes the directions of attributes in the latent space from labelled images.",
       .closing = "Examples\n"
                  "  glow-edit directions model.safetensors fashion-mnist --count 5000 "
                  "--out fashion.safetensors\n"
                  "  glow-edit directions faces.safetensors folder:celeba --attributes list_attr_celeba.txt \\\n"
                  "    --out attributes.safetensors\n",
       .positional = {"model", "data"},
       .common = {"model", "data", "attributes", "count", "out", "overwrite", "batch", "threads"}},
      edit_flag_table("FILE.safetensors: per attribute, the mean eps of images with it minus that of images without",
                      directions_rows() + reading_rows("Images")),
      directions, check_seed);
}

}  // namespace glow::tools
