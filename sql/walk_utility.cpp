// Statements: the entry of the walk, and those that define, copy, maintain and lock.
#include "sql/walker.h"

namespace larder::sql {

void Walker::walk(const Node* statement) {
    if (!statement) {
        give_up();
    } else {
        utility(statement);
    }
    facts_.understood = is_understood_;
    if (!facts_.functions.empty() || !facts_.value_fields.empty())
        for (RelationUse& use : facts_.reads) use.is_proved_by_rows = false;
    remove_repeats(facts_);
}

void Walker::utility(const Node* node) {
    switch (node->type) {
    case T_SelectStmt:
        facts_.kind = Kind::select;  // into_table() makes it ddl
        return select(as<SelectStmt>(node), true);
    case T_InsertStmt: facts_.kind = Kind::insert; return query(node);
    case T_UpdateStmt: facts_.kind = Kind::update; return query(node);
    case T_DeleteStmt: facts_.kind = Kind::delete_; return query(node);
    case T_MergeStmt: facts_.kind = Kind::merge; return query(node);
    case T_CopyStmt: return copy(as<CopyStmt>(node));
    case T_TruncateStmt: return truncate(as<TruncateStmt>(node));
    case T_LockStmt: return lock(as<LockStmt>(node));
    case T_DoStmt: return do_block(as<DoStmt>(node));
    case T_CallStmt:
        facts_.kind = Kind::call;
        return function_call(*as<CallStmt>(node).funccall);
    case T_CreateStmt: return create_table(as<CreateStmt>(node));
    case T_CreateTableAsStmt: return create_table_as(as<CreateTableAsStmt>(node));
    case T_IndexStmt: return index(as<IndexStmt>(node));
    case T_VacuumStmt:
        facts_.kind = Kind::maintenance;
        for (const ListCell& cell : cells(as<VacuumStmt>(node).rels)) maintained(as<VacuumRelation>(node_of(cell)).relation);
        return;
    case T_ClusterStmt: facts_.kind = Kind::maintenance; return maintained(as<ClusterStmt>(node).relation);
    case T_ReindexStmt:
        facts_.kind = Kind::maintenance;
        if (as<ReindexStmt>(node).kind == REINDEX_OBJECT_TABLE) maintained(as<ReindexStmt>(node).relation);
        return;
    case T_CheckPointStmt: facts_.kind = Kind::maintenance; return;
    case T_RefreshMatViewStmt: {
        is_definition(Kind::ddl);
        WriteUse write;
        write.target = use_of(*as<RefreshMatViewStmt>(node).relation);
        write.action = WriteAction::refresh;
        facts_.writes.push_back(std::move(write));
        return;
    }
    default:
        if (session(node) || definition(node)) return;
        facts_.kind = Kind::unknown;
        has_seen_all_ = false;
        give_up();
    }
}

void Walker::is_definition(Kind kind) {
    facts_.kind = kind;
    has_seen_all_ = false;
}

namespace {

// Objects that belong to the whole server, not to one database.
bool is_shared(ObjectType type) {
    return type == OBJECT_ROLE || type == OBJECT_DATABASE || type == OBJECT_TABLESPACE || type == OBJECT_PARAMETER_ACL;
}

}  // namespace

// What changes the catalogue. Nothing inside is looked at: whoever meets DDL takes the whole catalogue for changed.
bool Walker::definition(const Node* node) {
    switch (node->type) {
    case T_CreateRoleStmt:
    case T_AlterRoleStmt:
    case T_AlterRoleSetStmt:
    case T_DropRoleStmt:
    case T_GrantRoleStmt:
    case T_CreatedbStmt:
    case T_DropdbStmt:
    case T_AlterDatabaseStmt:
    case T_AlterDatabaseRefreshCollStmt:
    case T_AlterDatabaseSetStmt:
    case T_CreateTableSpaceStmt:
    case T_DropTableSpaceStmt:
    case T_AlterTableSpaceOptionsStmt:
    case T_AlterSystemStmt:
    case T_ReassignOwnedStmt:
        is_definition(Kind::server_ddl);
        return true;
    case T_GrantStmt: is_definition(is_shared(as<GrantStmt>(node).objtype) ? Kind::server_ddl : Kind::ddl); return true;
    case T_RenameStmt: is_definition(is_shared(as<RenameStmt>(node).renameType) ? Kind::server_ddl : Kind::ddl); return true;
    case T_AlterOwnerStmt: is_definition(is_shared(as<AlterOwnerStmt>(node).objectType) ? Kind::server_ddl : Kind::ddl); return true;
    case T_ViewStmt:
        // The view's columns take part in no answer before it is read; a view over temporary tables becomes
        // temporary by itself, which the text cannot tell.
        facts_.creates_temp = is_temporary(*as<ViewStmt>(node).view);
        is_definition(facts_.creates_temp ? Kind::create_temp : Kind::ddl);
        return true;
    case T_CreateSeqStmt:
        facts_.creates_temp = is_temporary(*as<CreateSeqStmt>(node).sequence);
        is_definition(facts_.creates_temp ? Kind::create_temp : Kind::ddl);
        return true;
    case T_CompositeTypeStmt:
        facts_.creates_temp = is_temporary(*as<CompositeTypeStmt>(node).typevar);
        is_definition(Kind::ddl);
        return true;
    case T_CreateEnumStmt:
        facts_.creates_temp = name_of(as<CreateEnumStmt>(node).typeName).schema.starts_with("pg_temp");
        is_definition(Kind::ddl);
        return true;
    case T_CreateDomainStmt:
        facts_.creates_temp = name_of(as<CreateDomainStmt>(node).domainname).schema.starts_with("pg_temp");
        is_definition(Kind::ddl);
        return true;
    case T_CreateRangeStmt:
        facts_.creates_temp = name_of(as<CreateRangeStmt>(node).typeName).schema.starts_with("pg_temp");
        is_definition(Kind::ddl);
        return true;
    case T_CreateFunctionStmt:
        facts_.creates_temp = name_of(as<CreateFunctionStmt>(node).funcname).schema.starts_with("pg_temp");
        is_definition(Kind::ddl);
        return true;
    case T_DefineStmt:
        facts_.creates_temp = name_of(as<DefineStmt>(node).defnames).schema.starts_with("pg_temp");
        is_definition(Kind::ddl);
        return true;
    case T_AlterTableStmt:
    case T_AlterDomainStmt:
    case T_AlterDefaultPrivilegesStmt:
    case T_DropStmt:
    case T_CommentStmt:
    case T_AlterFunctionStmt:
    case T_RuleStmt:
    case T_AlterSeqStmt:
    case T_CreateTrigStmt:
    case T_CreatePLangStmt:
    case T_CreateSchemaStmt:
    case T_CreateConversionStmt:
    case T_CreateCastStmt:
    case T_CreateOpClassStmt:
    case T_CreateOpFamilyStmt:
    case T_AlterOpFamilyStmt:
    case T_AlterObjectDependsStmt:
    case T_AlterObjectSchemaStmt:
    case T_AlterOperatorStmt:
    case T_AlterTypeStmt:
    case T_DropOwnedStmt:
    case T_AlterEnumStmt:
    case T_AlterTSDictionaryStmt:
    case T_AlterTSConfigurationStmt:
    case T_CreateFdwStmt:
    case T_AlterFdwStmt:
    case T_CreateForeignServerStmt:
    case T_AlterForeignServerStmt:
    case T_CreateUserMappingStmt:
    case T_AlterUserMappingStmt:
    case T_DropUserMappingStmt:
    case T_AlterTableMoveAllStmt:
    case T_SecLabelStmt:
    case T_CreateForeignTableStmt:
    case T_ImportForeignSchemaStmt:
    case T_CreateExtensionStmt:
    case T_AlterExtensionStmt:
    case T_AlterExtensionContentsStmt:
    case T_CreateEventTrigStmt:
    case T_AlterEventTrigStmt:
    case T_CreatePolicyStmt:
    case T_AlterPolicyStmt:
    case T_CreateTransformStmt:
    case T_CreateAmStmt:
    case T_CreatePublicationStmt:
    case T_AlterPublicationStmt:
    case T_CreateSubscriptionStmt:
    case T_AlterSubscriptionStmt:
    case T_DropSubscriptionStmt:
    case T_CreateStatsStmt:
    case T_AlterStatsStmt:
    case T_AlterCollationStmt:
        is_definition(Kind::ddl);
        return true;
    default: return false;
    }
}

void Walker::create_table(const CreateStmt& node) {
    facts_.creates_temp = is_temporary(*node.relation);
    // INHERITS and PARTITION OF tie it to a permanent table, whose answers its rows would join.
    const bool stands_alone = !node.inhRelations && !node.partbound;
    is_definition(facts_.creates_temp && stands_alone ? Kind::create_temp : Kind::ddl);
}

void Walker::into_table(const IntoClause& into) {
    facts_.selects_into = true;
    facts_.creates_temp = is_temporary(*into.rel);
    facts_.kind = facts_.creates_temp ? Kind::create_temp : Kind::ddl;
}

void Walker::create_table_as(const CreateTableAsStmt& node) {
    into_table(*node.into);
    if (node.objtype == OBJECT_MATVIEW) facts_.kind = Kind::ddl;
    // AS EXECUTE runs a prepared statement, of which the text says nothing: query() does not know it.
    query(node.query);
}

// Answers stay what they were, but building the index runs the functions of its expressions.
void Walker::index(const IndexStmt& node) {
    facts_.kind = Kind::maintenance;
    maintained(node.relation);
    expressions(node.indexParams);
    expression(node.whereClause);
}

void Walker::maintained(const RangeVar* relation) {
    if (relation) facts_.reads.push_back(use_of(*relation));
}

void Walker::copy(const CopyStmt& node) {
    facts_.kind = node.is_from ? Kind::copy_from : Kind::copy_to;
    facts_.copies_on_server = node.is_program || node.filename;
    if (node.query) return query(node.query);
    if (!node.relation) return give_up();
    if (!node.is_from) {
        facts_.reads.push_back(use_of(*node.relation));
        return;
    }
    WriteUse write;
    write.target = use_of(*node.relation);
    write.action = WriteAction::copy_from;
    for (const ListCell& cell : cells(node.attlist)) write.columns.emplace_back(string_of(node_of(cell)));
    expression(node.whereClause);
    facts_.writes.push_back(std::move(write));
}

void Walker::truncate(const TruncateStmt& node) {
    facts_.kind = Kind::truncate;
    for (const ListCell& cell : cells(node.relations)) {
        WriteUse write;
        write.target = use_of(as<RangeVar>(node_of(cell)));
        write.action = node.behavior == DROP_CASCADE ? WriteAction::truncate_cascade : WriteAction::truncate;
        facts_.writes.push_back(std::move(write));
    }
}

void Walker::lock(const LockStmt& node) {
    facts_.kind = Kind::lock_table;
    if (node.mode != AccessExclusiveLock) return;
    for (const ListCell& cell : cells(node.relations)) {
        WriteUse write;
        write.target = use_of(as<RangeVar>(node_of(cell)));
        write.action = WriteAction::lock;
        facts_.writes.push_back(std::move(write));
    }
}

void Walker::do_block(const DoStmt& node) {
    facts_.kind = Kind::do_block;
    facts_.language = "plpgsql";
    for (const ListCell& cell : cells(node.args)) {
        const auto& option = as<DefElem>(node_of(cell));
        if (text_of(option.defname) == "as") facts_.body = string_of(option.arg);
        if (text_of(option.defname) == "language") facts_.language = string_of(option.arg);
    }
}

}  // namespace larder::sql
