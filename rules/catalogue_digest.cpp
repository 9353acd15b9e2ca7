// One hash over all rows of a load, so that a load which found nothing new is told from one that did. Not meant to
// withstand anyone who looks for collisions: who may change the catalogue may do worse.
#include <string_view>

#include "rules/catalogue_impl.h"

namespace larder::rules {

namespace {

class Digest {
public:
    void add(std::uint64_t value) {
        // The finalizer of splitmix64, chained.
        state_ += 0x9E3779B97F4A7C15ull ^ value;
        state_ = (state_ ^ (state_ >> 30)) * 0xBF58476D1CE4E5B9ull;
        state_ = (state_ ^ (state_ >> 27)) * 0x94D049BB133111EBull;
        state_ ^= state_ >> 31;
    }
    void add(std::string_view text) {
        add(text.size());
        add(std::hash<std::string_view>{}(text));
    }
    std::uint64_t value() const { return state_; }

private:
    std::uint64_t state_ = 0x4C41524445520001ull;
};

void add_relation(Digest& digest, const RelationRow& row) {
    digest.add(row.oid);
    digest.add(row.schema);
    digest.add(row.name);
    digest.add(row.view_definition);
    std::uint64_t flags = static_cast<unsigned char>(row.kind);
    for (const bool flag : {row.is_unlogged, row.is_temp, row.has_row_security, row.runs_code_on_insert, row.runs_code_on_update,
                            row.runs_code_on_delete, row.runs_code_on_truncate, row.view_security_invoker, row.has_timetz}) {
        flags = flags << 1 | (flag ? 1u : 0u);
    }
    digest.add(flags);
}

void add_function(Digest& digest, const FunctionRow& row) {
    digest.add(row.oid);
    digest.add(row.schema);
    digest.add(row.name);
    digest.add(row.extension);
    digest.add(row.body);
    digest.add(row.trigger_body);
    std::uint64_t flags = static_cast<unsigned char>(row.volatility);
    for (const bool flag : {row.is_builtin, row.is_native, row.is_extension_member, row.is_procedure, row.takes_row, row.returns_trigger}) flags = flags << 1 | (flag ? 1u : 0u);
    digest.add(flags);
}

void add_links(Digest& digest, const CatalogueRows& rows) {
    for (const auto& row : rows.inheritance) {
        digest.add(row.child);
        digest.add(row.parent);
    }
    for (const auto& row : rows.foreign_keys) {
        digest.add(row.referencing);
        digest.add(row.referenced);
        digest.add(static_cast<std::uint64_t>(static_cast<unsigned char>(row.on_delete)) << 8 | static_cast<unsigned char>(row.on_update));
    }
    for (const auto& row : rows.policy_reads) {
        digest.add(row.relation);
        digest.add(row.read);
    }
    for (const auto& column : rows.columns) {
        digest.add(column.relation);
        digest.add(column.name);
        digest.add(column.type);
        digest.add(static_cast<std::uint64_t>(static_cast<std::uint32_t>(column.type_modifier)) << 2 | (column.is_deterministic ? 2u : 0u) | (column.is_generated ? 1u : 0u));
    }
    // An index that is not unique only suggests a key: that it comes or goes changes nothing that was said.
    for (const auto& index : rows.indexes) {
        if (!index.is_unique) continue;
        digest.add(index.relation);
        for (const auto& column : index.columns) digest.add(column);
        digest.add(static_cast<std::uint64_t>(index.is_plain));
    }
    for (const auto& trigger : rows.triggers) {
        digest.add(trigger.relation);
        digest.add(trigger.function);
        digest.add((trigger.on_insert ? 4u : 0u) | (trigger.on_update ? 2u : 0u) | (trigger.on_delete ? 1u : 0u));
    }
    for (const auto& use : rows.code_uses) {
        digest.add(use.relation);
        digest.add(use.function);
        std::uint64_t events = 0;
        for (const bool event : {use.on_read, use.on_insert, use.on_update, use.on_delete, use.on_truncate, use.on_maintenance}) events = events << 1 | (event ? 1u : 0u);
        digest.add(events);
    }
}

}  // namespace

std::uint64_t digest_of(const CatalogueRows& rows) {
    Digest digest;
    digest.add(rows.database);
    digest.add(rows.encoding);
    digest.add(static_cast<std::uint64_t>(rows.server_version_num));
    for (const auto& row : rows.relations) add_relation(digest, row);
    for (const auto& row : rows.functions) add_function(digest, row);
    add_links(digest, rows);
    const auto add_named = [&digest](const auto& named) {
        digest.add(named.size());
        for (const auto& row : named) {
            digest.add(row.schema);
            digest.add(row.name);
            digest.add(row.function);
        }
    };
    add_named(rows.user_operators);
    add_named(rows.user_types);
    for (const auto* functions : {&rows.implicit_functions, &rows.event_functions}) {
        digest.add(functions->size());
        for (const Oid function : *functions) digest.add(function);
    }
    digest.add(static_cast<std::uint64_t>(rows.has_user_equality) << 2 | static_cast<std::uint64_t>(rows.has_user_casts) << 1 | static_cast<std::uint64_t>(rows.has_timetz_columns));
    for (const auto& extension : rows.extensions_with_relations) digest.add(extension);
    digest.add(rows.state_digest);
    return digest.value();
}

}  // namespace larder::rules
