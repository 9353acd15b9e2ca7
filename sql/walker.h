// The walk over one statement's raw parse tree. Private to sql/: it sees PostgreSQL's structs.
//
// One case per node type that can stand in a query; whatever else turns up makes the facts "not understood".
//
// Depth. PostgreSQL's parser refuses more than 10 000 open parentheses, yet a left-deep chain (a + b + c …, UNION …)
// needs none and may be as deep as the text is long. The walk goes down such spines in a loop, and gives up when real
// recursion gets deeper than kTreeDepthMax. A level of recursion costs less than 400 bytes of stack in release builds.
//
// Names of CTEs. Visible names are a stack: a WITH pushes its names as they become visible (RECURSIVE: all at once;
// else each after its own query) and takes them off when its statement ends. Qualified names are never CTEs.
//
// Key tests. While the FROM list of one query is walked, its items and the conditions that all rows must meet are
// noted on stacks (items_, conditions_, merged_), then matched. An outer join's ON restricts its nullable side alone: whatever row of the
// other side finds no partner is in the answer all the same. What has renamed columns, or stands in a FULL JOIN, is restricted by nothing.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/facts.h"
#include "sql/pg_nodes.h"

namespace larder::sql {

class Walker {
public:
    explicit Walker(Facts& facts, int depth = 0) : facts_(facts), depth_(depth), deepest_(depth) {}

    // Fills the facts of one whole statement.
    void walk(const Node* statement);

    // The deepest level of the tree, spines counted node by node.
    int deepest() const { return deepest_; }
    // False for DDL, whose inner expressions are not looked at.
    bool has_seen_all() const { return has_seen_all_; }

private:
    // One level of recursion, from construction to destruction.
    class Level {
    public:
        explicit Level(Walker& walker) : walker_(walker), spine_(walker.spine_) { walker_.descend(); }
        ~Level() {
            --walker_.depth_;
            walker_.spine_ = spine_;
        }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;

    private:
        Walker& walker_;
        int spine_;
    };

    // One thing in a FROM list, or the target of UPDATE or DELETE.
    struct FromItem {
        std::string_view name;          // what qualifies its columns; empty: cannot be qualified
        RelationUse* target = nullptr;  // the written relation, owned by the caller …
        int read = -1;                  // … or an index into facts_.reads; neither: no relation, or not restricted
        bool is_nullable = false;       // a row of the answer may hold none of it
    };
    struct Range {
        std::size_t begin, end;
        bool holds(std::size_t item) const { return item >= begin && item < end; }
    };
    // A condition, the items whose columns it can name, and those of whose rows only such count as meet it.
    struct Condition {
        const Node* node;
        Range visible, restricted;
    };
    // JOIN … USING (column): the column without a qualifier is that of this item, unless another join says so of it, too.
    struct MergedColumn {
        std::string_view column;
        std::size_t item;
    };
    // What a FROM list adds to the stacks, for as long as it is alive.
    class FromList {
    public:
        explicit FromList(Walker& walker)
            : first_item(walker.items_.size()),
              first_condition(walker.conditions_.size()),
              walker_(walker),
              first_merged_(walker.merged_.size()) {}
        ~FromList() {
            walker_.items_.resize(first_item);
            walker_.conditions_.resize(first_condition);
            walker_.merged_.resize(first_merged_);
        }
        FromList(const FromList&) = delete;
        FromList& operator=(const FromList&) = delete;

        const std::size_t first_item, first_condition;

    private:
        Walker& walker_;
        const std::size_t first_merged_;
    };

    // walk_expression.cpp
    void expression(const Node* node);
    const Node* spine_of(const Node* node);  // walks all but the left operand, which it returns; null: the spine ends here
    void expressions(const List* list);
    void parameter(int number);
    void column(const ColumnRef& node);
    void column_name(const Node* node);
    void field(const Node* node);
    void assigned_part(const List* indirection);
    void constant(const A_Const& node);
    void operators_of(const A_Expr& node);
    void function_call(const FuncCall& node);
    void set_config_call(const FuncCall& node);
    void sublink(const SubLink& node);
    void window(const WindowDef& node);
    void sort_by(const SortBy& node);
    void type_name(const TypeName* node);
    void column_definition(const ColumnDef& node);
    void value_function(const SQLValueFunction& node);

    // walk_select.cpp
    void select(const SelectStmt& node, bool is_top);
    void select_leaf(const SelectStmt& node, bool is_top);
    void select_common(const SelectStmt& node);
    void with(const WithClause* node);
    void query(const Node* node);  // what may stand in a CTE, in COPY (…) and after EXPLAIN, PREPARE
    void from_item(const Node* node, bool is_restricted);
    void from_relation(const RangeVar& node, bool is_restricted);
    void from_join(const JoinExpr& node, bool is_restricted);
    void merge_column(std::string_view column, Range left, Range right, JoinType type);
    void from_function(const RangeFunction& node, bool is_restricted);
    void note_proved(std::size_t first_item);
    void add_read(const RangeVar& node);
    bool is_cte(const RangeVar& node) const;

    // key_tests.cpp
    void where(const Node* node, const FromList& list);
    void apply_condition(const Node* node, const Condition& condition);
    void test_column(const A_Expr& test, const Condition& condition);
    std::optional<std::size_t> item_of(const ColumnRef& column, Range visible) const;
    RelationUse* use_at(std::size_t item);
    void link_columns(std::size_t item, std::string_view column, std::size_t other, std::string_view other_column);

    // walk_dml.cpp
    void insert(const InsertStmt& node);
    void insert_rows(const List* values, WriteUse& write);
    void on_conflict(const OnConflictClause* node, WriteUse& write);
    void update(const UpdateStmt& node);
    void update_targets(const List* targets, std::vector<std::string>& columns, std::vector<std::optional<Value>>* values);
    void delete_from(const DeleteStmt& node);
    void merge(const MergeStmt& node);
    void target_item(RelationUse& target, const RangeVar& node);

    // walk_utility.cpp
    void utility(const Node* node);
    bool definition(const Node* node);
    void create_table(const CreateStmt& node);
    void create_table_as(const CreateTableAsStmt& node);
    void into_table(const IntoClause& into);
    void index(const IndexStmt& node);
    void copy(const CopyStmt& node);
    void truncate(const TruncateStmt& node);
    void lock(const LockStmt& node);
    void do_block(const DoStmt& node);
    void maintained(const RangeVar* relation);
    void is_definition(Kind kind);

    // walk_session.cpp
    bool session(const Node* node);
    void transaction(const TransactionStmt& node);
    void transaction_modes(const List* options);
    void set(const VariableSetStmt& node);
    void discard(const DiscardStmt& node);
    void declare_cursor(const DeclareCursorStmt& node);
    void explain(const ExplainStmt& node);
    void prepare(const PrepareStmt& node);
    std::shared_ptr<Facts> inner_facts(const Node* node);
    void merge_reads_and_calls(const Facts& inner);
    void merge_effects(const Facts& inner);

    void descend();
    bool is_too_deep() const;
    void give_up() { is_understood_ = false; }

    Facts& facts_;
    int depth_;               // of recursion
    int spine_ = 0;           // nodes passed on spines above this level
    int deepest_;
    int writes_open_ = 0;     // statements that write and that are being walked, one inside the other
    bool is_understood_ = true;
    bool has_seen_all_ = true;
    bool may_set_config_ = false;  // the expression at hand is sure to run exactly once
    std::vector<std::string_view> ctes_;
    std::vector<FromItem> items_;
    std::vector<Condition> conditions_;
    std::vector<MergedColumn> merged_;
    std::vector<std::string_view> function_items_;  // names of functions in any FROM list so far: such an item is no row
};

// names.cpp: small conversions that need no state.

Name name_of(const List* parts);  // of a dotted name: its last part and the one before
Name name_of(const RangeVar& relation);
RelationUse use_of(const RangeVar& relation);
std::string lower(std::string_view text);  // ASCII only, as PostgreSQL does for settings
bool is_temporary(const RangeVar& relation);  // TEMP, or in pg_temp by name

// A constant or parameter as it stands, perhaps cast to a plain type; nullopt for anything else.
std::optional<Value> value_of(const Node* node);
// A parameter that is compared with as an array, under a cast to one of known elements or none.
std::optional<Value> array_parameter(const Node* node);

// Does the text hold one of the words by which date and time input means the clock?
bool names_the_clock(std::string_view text);

// Every table has these columns, though none declares them.
bool is_system_column(std::string_view name);

inline constexpr std::size_t kRepeatsLookedFor = 16;

// Appends unless it is among the last kRepeatsLookedFor; remove_repeats() at the end removes the rest. So a short list keeps the order
// of the text, and a long one costs no quadratic search.
template <class T>
void add_once(std::vector<T>& list, T item) {
    const std::size_t looked_at = std::min(list.size(), kRepeatsLookedFor);
    if (std::find(list.end() - static_cast<std::ptrdiff_t>(looked_at), list.end(), item) == list.end()) list.push_back(std::move(item));
}
void remove_repeats(Facts& facts);

}  // namespace larder::sql
