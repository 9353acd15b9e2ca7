// Statements that control the session: transactions, settings, cursors, prepared statements, EXPLAIN.
#include "sql/walker.h"

namespace larder::sql {

bool Walker::session(const Node* node) {
    switch (node->type) {
    case T_TransactionStmt: transaction(as<TransactionStmt>(node)); return true;
    case T_VariableSetStmt: set(as<VariableSetStmt>(node)); return true;
    case T_VariableShowStmt:
        facts_.kind = Kind::show;
        facts_.settings.push_back({.name = lower(text_of(as<VariableShowStmt>(node).name)), .values = {}});
        return true;
    case T_DiscardStmt: discard(as<DiscardStmt>(node)); return true;
    case T_PrepareStmt: prepare(as<PrepareStmt>(node)); return true;
    case T_ExecuteStmt:
        facts_.kind = Kind::execute;
        facts_.savepoint = text_of(as<ExecuteStmt>(node).name);
        expressions(as<ExecuteStmt>(node).params);
        return true;
    case T_DeallocateStmt:
        facts_.kind = Kind::deallocate;
        facts_.savepoint = text_of(as<DeallocateStmt>(node).name);
        return true;
    case T_DeclareCursorStmt: declare_cursor(as<DeclareCursorStmt>(node)); return true;
    case T_FetchStmt:
        facts_.kind = Kind::fetch;
        facts_.savepoint = text_of(as<FetchStmt>(node).portalname);
        return true;
    case T_ClosePortalStmt:
        facts_.kind = Kind::close_cursor;
        facts_.savepoint = text_of(as<ClosePortalStmt>(node).portalname);
        return true;
    case T_ListenStmt:
        facts_.kind = Kind::listen;
        facts_.channel = text_of(as<ListenStmt>(node).conditionname);
        return true;
    case T_UnlistenStmt:
        facts_.kind = Kind::unlisten;
        facts_.channel = text_of(as<UnlistenStmt>(node).conditionname);
        return true;
    case T_NotifyStmt:
        facts_.kind = Kind::notify;
        facts_.channel = text_of(as<NotifyStmt>(node).conditionname);
        return true;
    case T_ConstraintsSetStmt: facts_.kind = Kind::set_constraints; return true;
    case T_LoadStmt: facts_.kind = Kind::load; return true;
    case T_ExplainStmt: explain(as<ExplainStmt>(node)); return true;
    default: return false;
    }
}

void Walker::transaction(const TransactionStmt& node) {
    facts_.is_chain = node.chain;
    facts_.savepoint = text_of(node.savepoint_name);
    if (node.gid) facts_.savepoint = text_of(node.gid);
    switch (node.kind) {
    case TRANS_STMT_BEGIN:
    case TRANS_STMT_START:
        facts_.kind = Kind::begin;
        facts_.is_start = node.kind == TRANS_STMT_START;
        return transaction_modes(node.options);
    case TRANS_STMT_COMMIT: facts_.kind = Kind::commit; return;
    case TRANS_STMT_ROLLBACK: facts_.kind = Kind::rollback; return;
    case TRANS_STMT_SAVEPOINT: facts_.kind = Kind::savepoint; return;
    case TRANS_STMT_RELEASE: facts_.kind = Kind::release; return;
    case TRANS_STMT_ROLLBACK_TO: facts_.kind = Kind::rollback_to; return;
    case TRANS_STMT_PREPARE: facts_.kind = Kind::prepare_transaction; return;
    case TRANS_STMT_COMMIT_PREPARED: facts_.kind = Kind::commit_prepared; return;
    case TRANS_STMT_ROLLBACK_PREPARED: facts_.kind = Kind::rollback_prepared; return;
    }
    give_up();
}

namespace {

Isolation isolation_named(std::string_view name) {
    if (name == "read uncommitted") return Isolation::read_uncommitted;
    if (name == "read committed") return Isolation::read_committed;
    if (name == "repeatable read") return Isolation::repeatable_read;
    return Isolation::serializable;  // also the safe answer to a name that is not known
}

std::string setting_text(const Node* node) {
    auto value = value_of(node);
    if (!value) {
        if (is(node, T_A_Const) && as<A_Const>(node).val.node.type == T_Float) return std::string(text_of(as<A_Const>(node).val.fval.fval));
        return {};
    }
    return value->kind == Value::Kind::string ? std::move(value->text) : std::to_string(value->integer);
}

}  // namespace

void Walker::transaction_modes(const List* options) {
    for (const ListCell& cell : cells(options)) {
        const auto& mode = as<DefElem>(node_of(cell));
        const std::string_view name = text_of(mode.defname);
        const auto value = value_of(mode.arg);
        facts_.has_tx_modes = true;
        if (name == "transaction_isolation") {
            facts_.isolation = isolation_named(value ? std::string_view(value->text) : std::string_view());
        } else if (name == "transaction_read_only" && value) {
            facts_.read_only = value->integer != 0;
        } else if (name == "transaction_deferrable" && value) {
            facts_.deferrable = value->integer != 0;
        } else {
            give_up();
        }
    }
}

void Walker::set(const VariableSetStmt& node) {
    const std::string_view name = text_of(node.name);
    switch (node.kind) {
    case VAR_RESET_ALL:
        facts_.kind = Kind::reset;
        facts_.reset_all = true;
        return;
    case VAR_SET_MULTI:
        facts_.kind = Kind::set_transaction;
        facts_.imports_snapshot = name == "TRANSACTION SNAPSHOT";
        facts_.is_session_default = name == "SESSION CHARACTERISTICS";
        if (!facts_.imports_snapshot) transaction_modes(node.args);
        return;
    case VAR_SET_VALUE:
    case VAR_SET_DEFAULT:
    case VAR_SET_CURRENT:
    case VAR_RESET: break;
    default: return give_up();
    }
    facts_.kind = node.kind == VAR_RESET ? Kind::reset : Kind::set;
    SettingChange change{lower(name), node.is_local, node.kind == VAR_RESET || node.kind == VAR_SET_DEFAULT, {}};
    for (const ListCell& cell : cells(node.args)) {
        // SET TIME ZONE INTERVAL '1' HOUR is the one value that is no constant: then none is known.
        if (!is(node_of(cell), T_A_Const)) {
            change.values.clear();
            break;
        }
        change.values.push_back(setting_text(node_of(cell)));
    }
    facts_.settings.push_back(std::move(change));
}

void Walker::discard(const DiscardStmt& node) {
    facts_.kind = Kind::discard;
    switch (node.target) {
    case DISCARD_ALL:
        facts_.discard = Discard::all;
        facts_.reset_all = true;
        return;
    case DISCARD_PLANS: facts_.discard = Discard::plans; return;
    case DISCARD_SEQUENCES: facts_.discard = Discard::sequences; return;
    case DISCARD_TEMP: facts_.discard = Discard::temp; return;
    }
    give_up();
}

// A walk of its own, since CTE names and key tests do not reach across. The depth goes on counting.
std::shared_ptr<Facts> Walker::inner_facts(const Node* node) {
    auto inner = std::make_shared<Facts>();
    Walker walker(*inner, depth_ + 1);
    if (walker.is_too_deep()) {
        give_up();
    } else {
        walker.walk(node);
    }
    deepest_ = std::max(deepest_, walker.deepest_);
    has_seen_all_ = has_seen_all_ && walker.has_seen_all_;
    if (!inner->understood) give_up();
    return inner;
}

void Walker::merge_reads_and_calls(const Facts& inner) {
    facts_.reads = inner.reads;
    facts_.functions = inner.functions;
    facts_.operators = inner.operators;
    facts_.row_fields = inner.row_fields;
    facts_.value_fields = inner.value_fields;
    facts_.types = inner.types;
    facts_.value_functions = inner.value_functions;
    facts_.parameters_max = inner.parameters_max;
    facts_.parameter_uses = inner.parameter_uses;
    facts_.locks_rows = inner.locks_rows;
    facts_.samples = inner.samples;
    facts_.system_columns = inner.system_columns;
}

void Walker::merge_effects(const Facts& inner) {
    facts_.writes = inner.writes;
    facts_.settings = inner.settings;
    facts_.sets_unknown_setting = inner.sets_unknown_setting;
    facts_.selects_into = inner.selects_into;
    facts_.creates_temp = inner.creates_temp;
    for (SettingChange& change : facts_.settings) change.values.clear();  // how often it runs is not certain here
}

void Walker::declare_cursor(const DeclareCursorStmt& node) {
    facts_.kind = Kind::declare_cursor;
    facts_.savepoint = text_of(node.portalname);
    facts_.with_hold = (node.options & CURSOR_OPT_HOLD) != 0;
    const auto inner = inner_facts(node.query);
    merge_reads_and_calls(*inner);
    merge_effects(*inner);
    facts_.inner = inner;
}

namespace {

// As PostgreSQL reads a boolean option; what it would refuse counts as on.
bool is_on(const DefElem& option) {
    if (!option.arg) return true;
    if (is(option.arg, T_Integer)) return as<Integer>(option.arg).ival != 0;
    const std::string text = lower(string_of(option.arg));
    return text != "false" && text != "off";
}

bool may_be_explained_in_full(Kind kind) {
    return kind == Kind::select || kind == Kind::insert || kind == Kind::update || kind == Kind::delete_ || kind == Kind::merge;
}

}  // namespace

void Walker::explain(const ExplainStmt& node) {
    facts_.kind = Kind::explain;
    for (const ListCell& cell : cells(node.options)) {
        const auto& option = as<DefElem>(node_of(cell));
        if (text_of(option.defname) == "analyze" && is_on(option)) facts_.explain_analyze = true;
    }
    const auto inner = inner_facts(node.query);
    merge_reads_and_calls(*inner);
    // Planning may run any function of the prepared statement, of which the text says nothing.
    if (inner->kind == Kind::execute) give_up();
    if (facts_.explain_analyze) {
        merge_effects(*inner);
        // EXECUTE, CREATE TABLE AS, REFRESH …: more happens than these facts can tell.
        if (!may_be_explained_in_full(inner->kind)) give_up();
    }
    facts_.inner = inner;
}

void Walker::prepare(const PrepareStmt& node) {
    facts_.kind = Kind::prepare;
    facts_.savepoint = text_of(node.name);
    const auto inner = inner_facts(node.query);
    for (const ListCell& cell : cells(node.argtypes)) {
        const auto& type = as<TypeName>(node_of(cell));
        inner->types.push_back(name_of(type.names));
    }
    facts_.inner = inner;
}

}  // namespace larder::sql
