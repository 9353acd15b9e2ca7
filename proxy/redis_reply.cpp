#include "proxy/redis_reply.h"

#include <array>
#include <new>

#include <hiredis/hiredis.h>

#include "base/check.h"

namespace larder::proxy {
namespace {

// CLUSTER SLOTS of a large cluster has some thousands; the rest is an attack or a mistake.
constexpr int kElementsMax = 65'536;
constexpr std::size_t kArgumentsMax = 8;

// Where hiredis puts a new object: into the array that is being read, or on its own. `budget`: what this reply may still have.
// Called from C, which must not be thrown through.
template <class Fill>
void* make(const redisReadTask* task, int elements, Fill fill) noexcept {
    auto& budget = *static_cast<int*>(task->privdata);
    if (elements < 0 || elements > budget) return nullptr;
    budget -= elements;
    const bool is_inner = task->parent != nullptr;
    std::unique_ptr<RedisReply> outer(is_inner ? nullptr : new (std::nothrow) RedisReply);  // owned by hiredis once it is filled
    auto* reply = is_inner ? &static_cast<RedisReply*>(task->parent->obj)->items[static_cast<std::size_t>(task->idx)] : outer.get();
    if (reply == nullptr) return nullptr;
    try {
        fill(*reply);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    static_cast<void>(outer.release());
    return reply;
}

void* create_string(const redisReadTask* task, char* text, std::size_t bytes) {
    return make(task, 0, [&](RedisReply& reply) {
        reply.kind = task->type == REDIS_REPLY_ERROR ? RedisReply::Kind::error : task->type == REDIS_REPLY_STATUS ? RedisReply::Kind::status : RedisReply::Kind::string;
        reply.text.assign(text, bytes);
    });
}

void* create_array(const redisReadTask* task, int elements) {
    return make(task, elements, [&](RedisReply& reply) {
        reply.kind = RedisReply::Kind::array;
        reply.items.resize(static_cast<std::size_t>(elements));
    });
}

void* create_integer(const redisReadTask* task, long long number) {
    return make(task, 0, [&](RedisReply& reply) {
        reply.kind = RedisReply::Kind::integer;
        reply.number = number;
    });
}

void* create_nil(const redisReadTask* task) { return make(task, 0, [](RedisReply&) {}); }
void free_object(void* object) { delete static_cast<RedisReply*>(object); }  // owned by hiredis: an outer one, which has the inner ones

redisReplyObjectFunctions kFunctions{create_string, create_array, create_integer, create_nil, free_object};

}  // namespace

void RedisReader::Free::operator()(redisReader* reader) const { redisReaderFree(reader); }

RedisReader::RedisReader(std::size_t buffered_bytes_max) : reader_(redisReaderCreateWithFunctions(&kFunctions)), buffered_bytes_max_(buffered_bytes_max) {
    if (!reader_) throw std::bad_alloc();
    reader_->privdata = &elements_left_;
    elements_left_ = kElementsMax;
}
RedisReader::~RedisReader() = default;

bool RedisReader::feed(Bytes bytes) {
    if (reader_->len - reader_->pos + bytes.size() > buffered_bytes_max_) is_full_ = true;
    return !is_full_ && redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) == REDIS_OK;
}

RedisReader::Status RedisReader::next(RedisReply& reply) {
    void* object = nullptr;
    if (is_full_ || redisReaderGetReply(reader_.get(), &object) != REDIS_OK) return Status::broken;
    if (object == nullptr) return Status::incomplete;
    const std::unique_ptr<RedisReply> owned(static_cast<RedisReply*>(object));
    reply = std::move(*owned);
    elements_left_ = kElementsMax;
    return Status::reply;
}

std::string RedisReader::problem() const {
    if (is_full_) return "a reply is larger than any value that was put there";
    return reader_->err != 0 ? std::string(reader_->errstr) : std::string();
}

void append_command(std::string& out, std::initializer_list<Bytes> arguments) {
    std::array<const char*, kArgumentsMax> begins{};
    std::array<std::size_t, kArgumentsMax> lengths{};
    LARDER_ASSERT(arguments.size() <= kArgumentsMax);
    int count = 0;
    for (const Bytes argument : arguments) {
        begins[static_cast<std::size_t>(count)] = argument.data();
        lengths[static_cast<std::size_t>(count++)] = argument.size();
    }
    char* command = nullptr;
    const int bytes = redisFormatCommandArgv(&command, count, begins.data(), lengths.data());
    if (bytes < 0) throw std::bad_alloc();
    const std::unique_ptr<char, decltype(&redisFreeCommand)> owned(command, redisFreeCommand);
    out.append(command, static_cast<std::size_t>(bytes));
}

}  // namespace larder::proxy
