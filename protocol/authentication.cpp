#include "protocol/authentication.h"

#include "protocol/byte_reader.h"
#include "protocol/byte_writer.h"

namespace larder::protocol {

namespace {

// AuthenticationSASL: names, each with its NUL, and an empty one at the end. Gives the names without that last NUL.
Bytes read_mechanisms(ByteReader& in) {
    const char* const start = in.at();
    while (!in.failed()) {
        const Bytes before = in.since(start);
        if (in.cstring().empty()) return in.failed() ? Bytes{} : before;
    }
    return {};
}

}  // namespace

Decoded<Authentication> Authentication::decode(Bytes body) {
    ByteReader in(body);
    Authentication message;
    message.kind = static_cast<Kind>(in.u32());
    switch (message.kind) {
        case Kind::ok:
        case Kind::kerberos_v5:
        case Kind::cleartext_password:
        case Kind::scm_credential:
        case Kind::gss:
        case Kind::sspi: break;
        case Kind::crypt_password: message.data = in.bytes(2); break;
        case Kind::md5_password: message.data = in.bytes(4); break;
        case Kind::sasl: message.data = read_mechanisms(in); break;
        case Kind::gss_continue:
        case Kind::sasl_continue:
        case Kind::sasl_final: message.data = in.rest(); break;
        default: in.fail(DecodeError::bad_value);
    }
    return in.finish(message);
}

void Authentication::append_to(std::string& out) const {
    MessageWriter writer(out, kType);
    writer.u32(static_cast<std::uint32_t>(kind)).bytes(data);
    if (kind == Kind::sasl) writer.byte('\0');
}

bool Authentication::offers(Bytes mechanism) const {
    ByteReader in(data);
    while (in.left() > 0) {
        const Bytes offered = in.cstring();
        if (in.failed()) return false;
        if (offered == mechanism) return true;
    }
    return false;
}

void append_authentication_sasl(std::string& out, std::span<const Bytes> mechanisms) {
    MessageWriter writer(out, Authentication::kType);
    writer.u32(static_cast<std::uint32_t>(Authentication::Kind::sasl));
    for (const Bytes mechanism : mechanisms) {
        LARDER_ASSERT(!mechanism.empty());  // it would end the list
        writer.cstring(mechanism);
    }
    writer.byte('\0');
}

}  // namespace larder::protocol
