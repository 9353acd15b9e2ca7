#include "advisor/table_use.h"

#include <algorithm>
#include <cctype>

namespace larder::advisor {

namespace {

// Operators with their mirror image; one that is not here is not turned round.
std::string mirrored(const std::string& op) {
    static const std::map<std::string, std::string> kMirror = {{"=", "="},   {"<", ">"},  {">", "<"},   {"<=", ">="}, {">=", "<="},
                                                               {"@>", "<@"}, {"<@", "@>"}, {"&&", "&&"}, {"<->", "<->"}};
    const auto found = kMirror.find(op);
    return found == kMirror.end() ? std::string() : found->second;
}

// The pattern's text before its first wildcard, for LIKE ("~~") and anchored regular expressions ("~"); "" if it has none.
std::string fixed_prefix(const std::string& op, const std::string& pattern) {
    if (op == "^@") return pattern;
    if (op == "~~") return pattern.substr(0, pattern.find_first_of("%_\\"));
    if (op != "~" || !pattern.starts_with("^")) return {};
    const auto end = pattern.find_first_of(".*+?()[]{}|\\$^", 1);
    if (end != std::string::npos && std::string_view("*?{|").find(pattern[end]) != std::string_view::npos) return {};
    return pattern.substr(1, end == std::string::npos ? end : end - 1);
}

// Conditions whose text the parser does not take as a whole, taken apart at the ANDs of the outermost level.
std::vector<Node> split_by_hand(std::string_view text) {
    while (text.size() > 2 && text.front() == '(' && text.back() == ')') {
        int depth = 0;
        bool is_one = true;
        for (std::size_t i = 0; i + 1 < text.size() && is_one; ++i) {
            depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
            is_one = depth > 0;
        }
        if (!is_one) break;
        text = text.substr(1, text.size() - 2);
    }
    std::vector<Node> found;
    int depth = 0;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size()) depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
        if (i < text.size() && (depth != 0 || text.substr(i, 5) != " AND ")) continue;
        if (auto part = parse_expression(text.substr(start, i - start))) found.push_back(std::move(*part));
        start = std::min(i + 5, text.size());
    }
    return found;
}

std::vector<Node> conditions_of(const std::string& plan_condition) {
    const std::string text = plan_text(plan_condition);
    if (const auto whole = parse_expression(text)) return conjuncts(*whole);
    return split_by_hand(text);
}

// In the output of a plan over one table its columns stand without its name.
void qualify(Node& node, const std::string& alias) {
    if (auto* column = fields_of(node, "ColumnRef")) {
        auto* path = (*column)["fields"].if_array();
        if (path && path->size() == 1) path->insert(path->begin(), make_string(alias));
    } else if (node.is_object()) {
        for (auto& [name, value] : node.get_object()) qualify(value, alias);
    } else if (node.is_array()) {
        for (auto& value : node.get_array()) qualify(value, alias);
    }
}

// Reads one table's atoms out of conditions.
class AtomReader {
public:
    explicit AtomReader(TableUse& use) : use_(use) {}

    std::vector<Atom> read(const Node& condition) const {
        const auto* expression = fields_of(condition, "A_Expr");
        if (expression) {
            const auto& left = member(*expression, "lexpr");
            const auto& right = member(*expression, "rexpr");
            const auto kind = word(*expression, "kind");
            const std::string op = last_name(list(*expression, "name"));
            if (kind == "AEXPR_OP") return operation(condition, op, left, right);
            if (kind == "AEXPR_OP_ANY" && op == "=" && is_own(left) && !names_own(right)) {
                return {make(AtomKind::any_of, condition, "=", left, right)};
            }
            if (kind == "AEXPR_OP_ANY" && is_own(left) && !names_own(right)) return {make(AtomKind::search, condition, op, left, right)};
        }
        if (const auto* test = fields_of(condition, "NullTest")) {
            const Node& subject = member(*test, "arg");
            const bool is_null = word(*test, "nulltesttype") != "IS_NOT_NULL";
            if (is_own(subject)) return {make(AtomKind::null_test, condition, is_null ? "IS NULL" : "IS NOT NULL", subject, {})};
        }
        if (is_truth(condition)) return {make(AtomKind::truth, condition, "=", truth_subject(condition), {})};
        return opaque(condition);
    }

    bool is_own(const Node& node) const { return names_own(node) && !names_other(node); }

    int column_number(const Node& node) const {
        const Node* plain = &node;
        // A varchar column is shown with a cast to text, one of a domain with a cast to its base type: both change nothing.
        if (const auto* cast = fields_of(node, "TypeCast")) plain = &member(*cast, "arg");
        const auto path = column_path(*plain);
        if (path.size() != 2) return 0;
        const Column* column = use_.relation->column(path[1]);
        if (!column) return 0;
        const bool is_same = plain == &node || (column->type == kVarchar && cast_type(node) == "text") || is_base_type(*column, cast_type(node));
        return is_same ? column->number : 0;
    }

    std::string subject_text(const Node& node) const {
        if (const int number = column_number(node)) return use_.relation->column(number)->quoted;
        return to_sql(unqualified(node));
    }

    bool names_own(const Node& node) const { return names(node, true); }
    bool names_other(const Node& node) const { return names(node, false); }

private:
    static constexpr unsigned kVarchar = 1043;

    static bool is_base_type(const Column& column, const std::string& name) {
        if (column.base_type_name.empty()) return false;
        const auto type = parse_expression("NULL::" + column.base_type_name);
        return type && cast_type(*type) == name;
    }

    bool names(const Node& node, bool own) const {
        bool found = false;
        visit_nodes(node, [&](const Node& part) {
            const auto path = column_path(part);
            if (!path.empty() && (path.size() > 1 && use_.aliases.contains(path[0])) == own) found = true;
            if (!own && (type_of(part) == "SubLink" || function_of(part) == "larder_subplan" || type_of(part) == "ParamRef")) found = true;
            return !found;
        });
        return found;
    }

    Atom make(AtomKind kind, const Node& condition, std::string op, const Node& subject, const Node& other) const {
        Atom atom;
        atom.kind = kind;
        atom.op = std::move(op);
        atom.column = column_number(subject);
        atom.subject = subject_text(subject);
        atom.other = other;
        atom.is_join = names_other(other);
        atom.is_constant = !other.is_null() && type_of(without_casts(other)) == "A_Const";
        if (!names_other(condition)) atom.text = to_sql(unqualified(condition));
        return atom;
    }

    std::vector<Atom> operation(const Node& condition, const std::string& op, const Node& left, const Node& right) const {
        if (is_own(left) && !names_own(right)) return one_sided(condition, op, left, right);
        const auto turned = mirrored(op);
        if (is_own(right) && !names_own(left) && !turned.empty()) return one_sided(condition, turned, right, left);
        return opaque(condition);
    }

    std::vector<Atom> one_sided(const Node& condition, const std::string& op, const Node& subject, const Node& other) const {
        if (type_of(subject) == "RowExpr") return row_comparison(condition, op, subject);
        if (op == "=") return {make(AtomKind::equality, condition, op, subject, other)};
        if (op == "<" || op == "<=" || op == ">" || op == ">=") return {make(AtomKind::range, condition, op, subject, other)};
        if (op == "<>") return opaque(condition);
        std::vector<Atom> atoms = {make(AtomKind::search, condition, op, subject, other)};
        const auto pattern = string_of(other);
        if (pattern && !fixed_prefix(op, *pattern).empty()) {
            Atom prefix = atoms[0];
            prefix.kind = AtomKind::prefix;
            atoms.push_back(std::move(prefix));
        }
        return atoms;
    }

    // (a, b) > (1, 2): a range over a, then b. The first column carries it.
    std::vector<Atom> row_comparison(const Node& condition, const std::string& op, const Node& row) const {
        std::vector<Atom> atoms;
        for (const Node& item : list(*fields_of(row, "RowExpr"), "args")) {
            if (is_own(item)) atoms.push_back(make(AtomKind::range, condition, op, item, {}));
        }
        return atoms;
    }

    static bool is_truth(const Node& condition) {
        if (!column_path(condition).empty()) return true;
        if (const auto* test = fields_of(condition, "BooleanTest")) return !column_path(member(*test, "arg")).empty();
        const auto* opposite = fields_of(condition, "BoolExpr");
        return opposite && word(*opposite, "boolop") == "NOT_EXPR" && list(*opposite, "args").size() == 1 &&
               !column_path(list(*opposite, "args")[0]).empty();
    }

    static const Node& truth_subject(const Node& condition) {
        if (const auto* test = fields_of(condition, "BooleanTest")) return member(*test, "arg");
        if (const auto* opposite = fields_of(condition, "BoolExpr")) return list(*opposite, "args")[0];
        return condition;
    }

    std::vector<Atom> opaque(const Node& condition) const {
        if (!is_own(condition)) return {};
        Atom atom;
        atom.text = to_sql(unqualified(condition));
        return {std::move(atom)};
    }

    TableUse& use_;
};

class UseCollector {
public:
    UseCollector(const PlanNode& plan, Relations& relations) : plan_(plan), relations_(relations) {}

    std::vector<TableUse> collect() {
        visit_plan(plan_, [&](const PlanNode& node) { if (node.is_scan()) scan(node); });
        std::erase_if(uses_, [](const TableUse& use) { return !use.relation; });
        conditions();
        sorts(plan_, false);
        needed();
        return std::move(uses_);
    }

private:
    void scan(const PlanNode& node) {
        Relation* relation = relations_.find(node.schema, node.relation);
        if (!relation) return;
        if (relation->root) {
            Relation* root = relations_.find(relation->root);
            if (root) relation = add_leaf(*root, *relation);
        }
        const bool is_partition = relation->kind == 'p';
        for (TableUse& use : uses_) {
            if (is_partition && use.relation == relation) return add_scan(use, node, true);
        }
        uses_.emplace_back().relation = relation;
        add_scan(uses_.back(), node, is_partition);
    }

    // Above a partition's scan its columns are shown under the partitioned table's name: the partition's without its number.
    static void add_scan(TableUse& use, const PlanNode& node, bool is_partition) {
        use.aliases.insert(node.alias);
        use.rows += node.rows;
        const auto number = node.alias.find_last_not_of("0123456789");
        if (is_partition && number != std::string::npos && number > 0 && number + 1 < node.alias.size() && node.alias[number] == '_') {
            use.aliases.insert(node.alias.substr(0, number));
        }
    }

    static Relation* add_leaf(Relation& root, const Relation& leaf) {
        if (std::find(root.leaves.begin(), root.leaves.end(), leaf.oid) == root.leaves.end()) {
            if (root.leaves.empty()) root.pages = 0;
            root.leaves.push_back(leaf.oid);
            root.leaf_names.push_back(leaf.name);
            root.leaf_pages.push_back(leaf.pages);
            root.pages += leaf.pages;
            root.visible_share = root.leaves.size() == 1 ? leaf.visible_share : std::min(root.visible_share, leaf.visible_share);
        }
        return &root;
    }

    void conditions() {
        visit_plan(plan_, [&](const PlanNode& node) {
            for (const auto* texts : {&node.filters, &node.join_conditions}) {
                for (const auto& text : *texts) {
                    for (const Node& condition : conditions_of(text)) add(condition);
                }
            }
        });
    }

    void add(const Node& condition) {
        for (TableUse& use : uses_) {
            const AtomReader reader(use);
            if (!reader.names_own(condition)) continue;
            const auto* either = fields_of(condition, "BoolExpr");
            if (either && word(*either, "boolop") == "OR_EXPR" && reader.is_own(condition)) add_alternatives(use, reader, *either);
            for (auto& atom : reader.read(condition)) {
                const bool is_known = std::any_of(use.atoms.begin(), use.atoms.end(), [&](const Atom& known) {
                    return known.kind == atom.kind && known.subject == atom.subject && known.op == atom.op && known.text == atom.text;
                });
                if (!is_known) use.atoms.push_back(std::move(atom));
            }
        }
    }

    static void add_alternatives(TableUse& use, const AtomReader& reader, const boost::json::object& either) {
        std::vector<std::vector<Atom>> arms;
        for (const Node& arm : list(either, "args")) {
            auto& atoms = arms.emplace_back();
            for (const Node& part : conjuncts(arm)) {
                for (auto& atom : reader.read(part)) atoms.push_back(std::move(atom));
            }
        }
        use.alternatives.push_back(std::move(arms));
    }

    void sorts(const PlanNode& node, bool is_limited) {
        // A limit reaches a sort through nodes that pass rows on one by one.
        const bool passes = node.type == "Limit" || node.type == "Unique" || node.type == "Result" || node.type == "Subquery Scan" ||
                            node.type == "LockRows" || node.type == "Gather Merge" || node.type == "WindowAgg" || node.type == "ProjectSet";
        add_sort(node.sort_keys, is_limited, false);
        if (node.type == "Aggregate") {
            add_sort(node.group_keys, false, true);
            for (const auto& text : node.output) add_extreme(text);
        }
        for (const auto& child : node.children) sorts(child, (is_limited && passes) || node.type == "Limit");
    }

    void add_sort(const std::vector<std::string>& keys, bool is_limited, bool is_grouping) {
        SortUse sort;
        sort.is_limited = is_limited;
        sort.is_grouping = is_grouping;
        TableUse* owner = nullptr;
        for (const auto& text : keys) {
            const auto key = parse_sort_key(plan_text(text));
            const auto* fields = key ? fields_of(*key, "SortBy") : nullptr;
            if (!fields) break;
            const Node& subject = member(*fields, "node");
            TableUse* use = owner_of(subject);
            if (!use || (owner && use != owner)) break;
            owner = use;
            sort.columns.push_back(sort_column(*use, *fields, subject));
        }
        if (!owner) return;
        sort.is_whole = sort.columns.size() == keys.size();
        owner->sorts.push_back(std::move(sort));
    }

    static SortColumn sort_column(TableUse& use, const boost::json::object& fields, const Node& subject) {
        const AtomReader reader(use);
        SortColumn column;
        column.descending = word(fields, "sortby_dir") == "SORTBY_DESC";
        const auto nulls = word(fields, "sortby_nulls");
        column.nulls_first = nulls == "SORTBY_NULLS_FIRST" || (column.descending && nulls != "SORTBY_NULLS_LAST");
        column.column = reader.column_number(subject);
        column.whole = column.subject = reader.subject_text(subject);
        if (const auto* distance = fields_of(subject, "A_Expr")) {
            const auto& left = member(*distance, "lexpr");
            const auto& right = member(*distance, "rexpr");
            const bool is_left = reader.is_own(left) && !reader.names_own(right);
            if (is_left || (reader.is_own(right) && !reader.names_own(left))) {
                column.distance = mirrored(operator_of(subject)) == "<->" || is_left ? operator_of(subject) : "";
                column.subject = reader.subject_text(is_left ? left : right);
                column.column = reader.column_number(is_left ? left : right);
            }
        }
        return column;
    }

    std::optional<Node> expression_of(const std::string& text) const {
        auto expression = parse_expression(plan_text(text));
        if (expression && uses_.size() == 1) qualify(*expression, *uses_[0].aliases.begin());
        return expression;
    }

    // min(x) and max(x) read one end of an index.
    void add_extreme(const std::string& text) {
        const auto expression = expression_of(text);
        if (!expression) return;
        visit_nodes(*expression, [&](const Node& part) {
            const auto name = function_of(part);
            if (name != "min" && name != "max") return true;
            const auto& arguments = list(*fields_of(part, "FuncCall"), "args");
            TableUse* use = arguments.size() == 1 ? owner_of(arguments[0]) : nullptr;
            if (!use) return true;
            const AtomReader reader(*use);
            SortUse sort;
            sort.is_limited = true;
            SortColumn& column = sort.columns.emplace_back();
            column.column = reader.column_number(arguments[0]);
            column.subject = reader.subject_text(arguments[0]);
            use->sorts.push_back(std::move(sort));
            return false;
        });
    }

    TableUse* owner_of(const Node& subject) {
        for (TableUse& use : uses_) {
            if (AtomReader(use).is_own(subject)) return &use;
        }
        return nullptr;
    }

    void needed() {
        visit_plan(plan_, [&](const PlanNode& node) {
            // What a scan puts out may be more than is asked of it, but at the root.
            const bool counts = !node.is_scan() || &node == &plan_;
            if (counts && node.type != "ModifyTable") need(node.output);
            for (const auto* texts : {&node.filters, &node.join_conditions, &node.sort_keys, &node.group_keys}) need(*texts);
        });
    }

    void need(const std::vector<std::string>& texts) {
        for (const auto& text : texts) {
            auto expression = expression_of(text);
            if (!expression) {
                const auto key = parse_sort_key(plan_text(text));
                if (!key) continue;
                expression = *key;
            }
            visit_nodes(*expression, [&](const Node& part) {
                const auto path = column_path(part);
                for (TableUse& use : uses_) {
                    if (path.size() != 2 || !use.aliases.contains(path[0])) continue;
                    const Column* column = use.relation->column(path[1]);
                    if (column) use.needed.insert(column->number);
                    else use.needs_all = true;
                }
                return true;
            });
        }
    }

    const PlanNode& plan_;
    Relations& relations_;
    std::vector<TableUse> uses_;
};

}  // namespace

std::vector<TableUse> table_uses(const PlanNode& plan, Relations& relations) { return UseCollector(plan, relations).collect(); }

}  // namespace larder::advisor
