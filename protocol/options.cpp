#include "protocol/options.h"

#include <optional>

namespace larder::protocol {

namespace {

// isspace() of the C locale, which PostgreSQL runs this in.
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// What a one-letter switch with an argument sets; nothing for those that set no setting.
std::optional<Bytes> setting_of_switch(char letter) {
    switch (letter) {
        case 'B': return "shared_buffers";
        case 'S': return "work_mem";
        case 'h': return "listen_addresses";
        case 'k': return "unix_socket_directories";
        case 'N': return "max_connections";
        case 'p': return "port";
        default: return std::nullopt;
    }
}

class Parser {
public:
    explicit Parser(std::vector<std::string> words) : words_(std::move(words)) {}

    StartupOptions parse() {
        while (next_ < words_.size() && result_.is_complete) switches_of(words_[next_++]);
        return std::move(result_);
    }

private:
    // One word: a '-' and a cluster of letters, the last of which may take the rest, or the next word, as its argument.
    void switches_of(const std::string& word) {
        if (word.size() < 2 || word[0] != '-' || word == "--") return give_up();
        for (std::size_t i = 1; i < word.size(); ++i) {
            if (without_argument(word[i])) continue;
            return with_argument(word[i], argument(word, i));
        }
    }

    bool without_argument(char letter) {
        switch (letter) {
            case 'F': add("fsync", "false"); return true;
            case 'e': add("datestyle", "euro"); return true;
            case 's': add("log_statement_stats", "true"); return true;
            case 'O': add("allow_system_table_mods", "true"); return true;
            case 'P': add("ignore_system_indexes", "true"); return true;
            case 'l': add("ssl", "true"); return true;
            default: return false;
        }
    }

    std::optional<std::string> argument(const std::string& word, std::size_t at) {
        if (at + 1 < word.size()) return word.substr(at + 1);
        if (next_ < words_.size()) return words_[next_++];
        return std::nullopt;
    }

    void with_argument(char letter, const std::optional<std::string>& value) {
        if (!value) return give_up();
        if (letter == 'c' || letter == '-') return assignment(*value);
        const auto name = setting_of_switch(letter);
        if (!name) return give_up();
        add(*name, *value);
    }

    void assignment(const std::string& text) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0) return give_up();
        std::string name = text.substr(0, equals);
        for (char& c : name) {
            if (c == '-') c = '_';
        }
        add(name, text.substr(equals + 1));
    }

    void add(Bytes name, Bytes value) { result_.settings.push_back({std::string{name}, std::string{value}}); }
    void give_up() { result_.is_complete = false; }

    std::vector<std::string> words_;
    std::size_t next_ = 0;
    StartupOptions result_;
};

}  // namespace

std::vector<std::string> split_options(Bytes text) {
    std::vector<std::string> words;
    std::size_t at = 0;
    while (true) {
        while (at < text.size() && is_space(text[at])) ++at;
        if (at == text.size()) return words;
        std::string word;
        bool escaped = false;
        for (; at < text.size(); ++at) {
            const char c = text[at];
            if (escaped) {
                word.push_back(c);
                escaped = false;
            } else if (c == '\\') {
                escaped = true;
            } else if (is_space(c)) {
                break;
            } else {
                word.push_back(c);
            }
        }
        words.push_back(std::move(word));
    }
}

StartupOptions parse_options(Bytes text) { return Parser(split_options(text)).parse(); }

}  // namespace larder::protocol
