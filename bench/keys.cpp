#include "bench/keys.h"

#include <bit>
#include <cmath>

namespace larder::bench {

Random::Random(std::uint64_t seed) {
    // splitmix64, as the generator's authors advise: neighbouring seeds give unrelated states.
    for (auto& word : state_) {
        seed += 0x9e3779b97f4a7c15;
        std::uint64_t z = seed;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        word = z ^ z >> 31;
    }
}

std::uint64_t Random::next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

KeyChooser::KeyChooser(Distribution distribution, std::uint32_t first, std::uint32_t count, double theta, std::uint64_t seed)
    : distribution_(distribution), first_(first), count_(count), random_(seed) {
    if (distribution == Distribution::zipf) build_alias(theta);
}

void KeyChooser::build_alias(double theta) {
    std::vector<double> weight(count_);
    double sum = 0;
    for (std::uint32_t i = 0; i < count_; ++i) sum += weight[i] = std::pow(i + 1.0, -theta);
    keep_.assign(count_, 1.0f);
    alias_.resize(count_);
    std::vector<std::uint32_t> small, large;
    for (std::uint32_t i = 0; i < count_; ++i) {
        alias_[i] = i;
        weight[i] *= count_ / sum;
        (weight[i] < 1 ? small : large).push_back(i);
    }
    // Each cell that is too light is filled up from one that is too heavy.
    while (!small.empty() && !large.empty()) {
        const auto light = small.back(), heavy = large.back();
        small.pop_back();
        keep_[light] = static_cast<float>(weight[light]);
        alias_[light] = heavy;
        weight[heavy] -= 1 - weight[light];
        if (weight[heavy] < 1) {
            large.pop_back();
            small.push_back(heavy);
        }
    }
}

std::uint32_t KeyChooser::next() {
    switch (distribution_) {
    case Distribution::single: return first_ + 1;
    case Distribution::uniform: return first_ + 1 + random_.below(count_);
    case Distribution::sequential: return first_ + 1 + at_++ % count_;
    case Distribution::zipf: break;
    }
    const auto cell = random_.below(count_);
    return first_ + 1 + (random_.unit() < static_cast<double>(keep_[cell]) ? cell : alias_[cell]);
}

}  // namespace larder::bench
