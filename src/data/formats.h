#pragma once

#include <filesystem>

#include <glow/data/source.h>

namespace glow::data {

// One function for each kind of data set that open_data_set knows. All leave DataSet::name empty and throw
// IoError and FormatError naming the file.

/// Directory with train-images-idx3-ubyte, train-labels-idx1-ubyte and the same for t10k, each .gz or plain.
DataSet open_fashion_mnist(const std::filesystem::path& directory);

/// Directory with data_batch_1.bin ... data_batch_5.bin, test_batch.bin and batches.meta.txt.
DataSet open_cifar10(const std::filesystem::path& directory);

/// Directory with PNG and JPEG files at any depth; see open_data_set.
DataSet open_folder(const std::filesystem::path& directory, const OpenOptions& options);

/// A uint8 array [N, H, W, C] or [N, H, W].
DataSet open_npy(const std::filesystem::path& file);

}  // namespace glow::data
