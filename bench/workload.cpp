#include "bench/workload.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "bench/wire.h"

namespace larder::bench {

namespace {

constexpr std::string_view kReadName = "r", kWriteName = "w", kInsertName = "i", kBeginName = "b", kCommitName = "c";

// A number as text on the stack.
class Decimal {
public:
    explicit Decimal(std::int64_t value) : end_(std::to_chars(text_, text_ + sizeof text_, value).ptr) {}
    operator std::string_view() const { return {text_, static_cast<std::size_t>(end_ - text_)}; }

private:
    char text_[24];
    char* end_;
};

bool parse(std::string_view text, std::int64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
    const auto at = text.find(mark);
    if (at != std::string::npos) text.replace(at, mark.size(), by);
    return text;
}

std::string with_number(std::string text, std::uint64_t number) { return replaced(std::move(text), "{n}", std::to_string(number)); }

std::string with_parameter(std::string text, std::string_view value) { return replaced(std::move(text), "$1", value); }

// The text at each of its "{k}".
std::vector<std::string> parted(const std::string& text) {
    constexpr std::string_view kMark = "{k}";
    std::vector<std::string> parts;
    std::size_t from = 0;
    for (auto at = text.find(kMark); at != std::string::npos; at = text.find(kMark, from)) {
        parts.push_back(text.substr(from, at - from));
        from = at + kMark.size();
    }
    parts.push_back(text.substr(from));
    return parts;
}

std::string selection(const Options& options) {
    if (options.join.empty()) return "SELECT k, v, pad FROM " + options.table + " WHERE ";
    return "SELECT k, v, pad, joined FROM " + options.table + " JOIN " + options.join + " USING (k) WHERE ";
}

}  // namespace

Workload::Workload(const Options& options)
    : options_(options), keys_(options.distribution, options.first_key, options.keys, options.theta, options.seed), number_(options.seed * 1'000'000) {
    const auto hint = options.hint.empty() ? std::string() : options.hint + " ";
    read_parts_ = parted(hint + selection(options) + options.where);
    for (std::size_t i = 0; i < read_parts_.size(); ++i) read_text_ += (i == 0 ? "" : "$1") + read_parts_[i];
    write_head_ = "UPDATE " + options.table + " SET v = ";
    insert_text_ = "INSERT INTO " + options.table + " (v, pad) VALUES ($1, 'new')";
    write_text_ = write_head_ + "$1 WHERE k = $2";  // sent without types: PostgreSQL infers bigint and int4
    // Larger than what any earlier run left in the table: microseconds since 1970.
    next_value_ = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    if (options.kind == Kind::mixed || options.kind == Kind::orm) {
        acknowledged_.assign(options.keys, 0);
        is_being_written_.assign(options.keys, false);
    }
}

int Workload::queries_per_request() const {
    if (options_.kind == Kind::block) return 4;
    if (options_.kind == Kind::orm) return 3;  // the updates come on top
    return options_.kind == Kind::pipeline ? options_.depth : 1;
}

int Workload::prepare(std::string& out) const {
    if (options_.mode != Mode::prepared || options_.kind >= Kind::connect) return 0;
    const bool is_text = options_.kind == Kind::text || options_.kind == Kind::stampede;
    append_parse(out, kReadName, is_text ? with_number(options_.text, number_) : read_text_, is_text ? 0 : 1);
    if (!acknowledged_.empty()) append_parse(out, kWriteName, write_text_, 0);
    if (options_.insert_percent > 0) append_parse(out, kInsertName, insert_text_, 0);
    if (options_.kind == Kind::block || options_.kind == Kind::orm) {
        append_parse(out, kBeginName, "BEGIN", 0);
        append_parse(out, kCommitName, "COMMIT", 0);
    }
    append_sync(out);
    return 1;
}

int Workload::next(Request& request, std::string& out) {
    request.read_count = request.rows_seen = 0;
    const int step = request.step++;
    switch (options_.kind) {
        case Kind::block:
            if (step == 0)
                append_plain(out, "BEGIN", kBeginName);
            else if (step <= 2)
                append_read(request, out);
            else if (step == 3)
                append_plain(out, "COMMIT", kCommitName);
            return step <= 3;
        case Kind::orm: return next_of_orm(request, step, out);
        case Kind::pipeline:
            if (step > 0) return 0;
            for (int i = 0; i < options_.depth; ++i) append_read(request, out);
            return options_.depth;
        case Kind::mixed:
            if (step > 0) return 0;
            if (is_chance(options_.write_percent))
                append_any_write(request, out);
            else
                append_read(request, out);
            return 1;
        case Kind::text:
        case Kind::stampede:
            if (step > 0) return 0;
            append_plain(out, with_number(options_.text, options_.kind == Kind::text ? number_++ : number_), kReadName);
            return 1;
        case Kind::connect:
            if (step > 0) return 0;
            append_query(out, "SELECT 1");
            return 1;
        default:
            if (step > 0) return 0;
            append_read(request, out);
            return 1;
    }
}

int Workload::next_of_orm(Request& request, int step, std::string& out) {
    if (step == 0) {
        request.will_write = is_chance(options_.write_percent);
        append_plain(out, "BEGIN", kBeginName);
    } else if (step == 1) {
        append_read(request, out);
        request.is_in_block = true;
    } else if (step == 2 && request.will_write && !is_being_written_[request.reads[0].key - options_.first_key - 1]) {
        append_write(request, request.reads[0].key, out);
    } else if (request.is_in_block) {
        request.is_in_block = false;
        append_plain(out, "COMMIT", kCommitName);
    } else {
        return 0;
    }
    return 1;
}

void Workload::append_read(Request& request, std::string& out) {
    const auto key = keys_.next();
    auto& read = request.reads[static_cast<std::size_t>(request.read_count++)];
    read = {key, acknowledged_.empty() ? 0 : acknowledged(key)};
    const Decimal digits(key);
    const std::string_view parameter = digits;
    if (options_.mode == Mode::simple) {
        // Written in place: the text is the only copy.
        std::size_t body_bytes = parameter.size() * (read_parts_.size() - 1) + 1;
        for (const auto& part : read_parts_) body_bytes += part.size();
        out.push_back('Q');
        append_u32(out, static_cast<std::uint32_t>(4 + body_bytes));
        out.append(read_parts_.front());
        for (std::size_t i = 1; i < read_parts_.size(); ++i) out.append(parameter).append(read_parts_[i]);
        out.push_back('\0');
        return;
    }
    if (options_.mode == Mode::extended) append_parse(out, "", read_text_, 1);
    append_bind(out, options_.mode == Mode::prepared ? kReadName : "", &parameter, 1);
    append_describe_portal(out);
    append_execute(out);
    append_sync(out);
}

void Workload::append_any_write(Request& request, std::string& out) {
    if (is_chance(options_.insert_percent)) return append_insert(request, out);
    auto key = keys_.next();
    // Two writes of one key at a time would leave open which is the newest.
    for (std::uint32_t tries = 0; is_being_written_[key - options_.first_key - 1]; ++tries) {
        if (tries == options_.keys) return append_read(request, out);
        key = key - options_.first_key < options_.keys ? key + 1 : options_.first_key + 1;
    }
    append_write(request, key, out);
}

void Workload::append_insert(Request& request, std::string& out) {
    request.is_insert = true;
    const Decimal value(++next_value_);
    const std::string_view parameter = value;
    if (options_.mode == Mode::simple) return append_query(out, with_parameter(insert_text_, parameter));
    if (options_.mode == Mode::extended) append_parse(out, "", insert_text_, 0);
    append_bind(out, options_.mode == Mode::prepared ? kInsertName : "", &parameter, 1);
    append_describe_portal(out);
    append_execute(out);
    append_sync(out);
}

void Workload::append_write(Request& request, std::uint32_t key, std::string& out) {
    is_being_written_[key - options_.first_key - 1] = true;
    request.write_key = key;
    request.write_value = ++next_value_;
    const Decimal value(request.write_value), digits(key);
    const std::string_view parameters[] = {value, digits};
    if (options_.mode == Mode::simple) {
        append_query(out, write_head_ + std::string(parameters[0]) + " WHERE k = " + std::string(parameters[1]));
        return;
    }
    if (options_.mode == Mode::extended) append_parse(out, "", write_text_, 0);
    append_bind(out, options_.mode == Mode::prepared ? kWriteName : "", parameters, 2);
    append_describe_portal(out);
    append_execute(out);
    append_sync(out);
}

void Workload::append_plain(std::string& out, std::string_view sql, std::string_view prepared_name) {
    if (options_.mode == Mode::simple) return append_query(out, sql);
    if (options_.mode == Mode::extended) append_parse(out, "", sql, 0);
    append_bind(out, options_.mode == Mode::prepared ? prepared_name : "", nullptr, 0);
    append_describe_portal(out);
    append_execute(out);
    append_sync(out);
}

void Workload::on_row(Request& request, std::string_view body) {
    const int row = request.rows_seen++;
    if (options_.is_canned || request.read_count == 0) return;
    std::int64_t key = 0, value = 0;
    if (row >= request.read_count || !parse(column_of(body, 0), key) || !parse(column_of(body, 1), value)) {
        ++findings_.wrong;
        return;
    }
    const auto& read = request.reads[static_cast<std::size_t>(row)];
    if (key != read.key) ++findings_.wrong;
    else if (value < read.floor) ++findings_.stale;
}

void Workload::on_error(Request& request, std::string_view body) {
    ++findings_.errors;
    request.has_failed = true;
    if (findings_.first_error.empty()) findings_.first_error = std::string(error_field(body, 'C')) + " " + std::string(error_field(body, 'M'));
}

void Workload::on_ready(Request& request) {
    if (request.write_key != 0 && !request.is_in_block) {
        // A write that failed may or may not have been done: the older value stays the floor.
        if (!request.has_failed) {
            acknowledged(request.write_key) = request.write_value;
            ++findings_.writes;
        }
        is_being_written_[request.write_key - options_.first_key - 1] = false;
        request.write_key = 0;
    }
    if (std::exchange(request.is_insert, false) && !request.has_failed) ++findings_.writes;
    // Every read asks for a row that exists.
    if (!options_.is_canned && !request.has_failed && request.rows_seen < request.read_count) ++findings_.wrong;
}

}  // namespace larder::bench
