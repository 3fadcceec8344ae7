"""Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") and the library's dequantisation
noise, which is made from it."""

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
LOW_WORD = 0xFFFFFFFF
DEQUANTISATION = 4  # number of the stream


def philox4x32_10(counter, key):
    """Four words from a counter of four words and a key of two, as Python integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0, product1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (product1 >> 32) ^ c1 ^ k0, product1 & LOW_WORD, (product0 >> 32) ^ c3 ^ k1, product0 & LOW_WORD
        k0, k1 = (k0 + KEY_STEPS[0]) & LOW_WORD, (k1 + KEY_STEPS[1]) & LOW_WORD
    return c0, c1, c2, c3


def words(number):
    """The low and the high word of a 64-bit number."""
    return number & LOW_WORD, number >> 32


def dequantisation_uniform(seed, draw, index, count):
    """The `count` numbers in [0, 1) of draw `draw` of image `index`, for its values in C, H, W order: multiples of
    2^-32. The counter's upper half is stream << 56 | index, the lower half draw << 24 | block of four words."""
    upper = words(DEQUANTISATION << 56 | index)
    numbers = [word for block in range(-(-count // 4))
               for word in philox4x32_10((*words(draw << 24 | block), *upper), words(seed))]
    return np.array(numbers[:count]) / 2.0 ** 32


def prove():
    """Checks the known answers that the authors publish with their code (Random123, kat_vectors)."""
    assert philox4x32_10((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert philox4x32_10((LOW_WORD,) * 4, (LOW_WORD,) * 2) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    assert philox4x32_10((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)) == (
        0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)
