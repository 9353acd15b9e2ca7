// 16384 is FirstNormalObjectId: objects below it were made by initdb. Dependencies on those are pinned and not recorded,
// so that pg_depend leads to user code alone.
#include "proxy/catalogue_queries.h"

namespace larder::proxy {

// What holds expressions; a type does as a domain with a default.
#define LARDER_EXPRESSION_HOLDERS \
    "'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass," \
    " 'pg_type'::regclass, 'pg_statistic_ext'::regclass"

// Functions that an expression depends on, directly or through an operator; (classid, objid) is what holds the expression.
#define LARDER_EXPRESSION_FUNCTIONS \
    "expression_functions(classid, objid, function) AS MATERIALIZED (" \
    " SELECT classid, objid, refobjid FROM pg_depend" \
    "  WHERE refclassid = 'pg_proc'::regclass AND refobjid >= 16384" \
    "    AND classid IN (" LARDER_EXPRESSION_HOLDERS ")" \
    " UNION SELECT d.classid, d.objid, o.oprcode::oid FROM pg_depend d JOIN pg_operator o ON o.oid = d.refobjid" \
    "  WHERE d.refclassid = 'pg_operator'::regclass AND d.refobjid >= 16384" \
    "    AND d.classid IN (" LARDER_EXPRESSION_HOLDERS "))"

// Types that run user code, and the functions they run: domain checks (also builtin functions that are not IMMUTABLE, which the
// expression alone tells; 1299 is now(), which stands for CURRENT_DATE, CURRENT_USER and the like), input and output, canonical forms of ranges; then
// all that is made of such types (domains over them, arrays, rows, ranges), at any depth.
#define LARDER_CODE_TYPES \
    "parts(part, whole) AS MATERIALIZED (" \
    " SELECT typbasetype, oid FROM pg_type WHERE typbasetype >= 16384" \
    " UNION SELECT typelem, oid FROM pg_type WHERE typelem >= 16384" \
    " UNION SELECT rngsubtype, rngtypid FROM pg_range WHERE rngsubtype >= 16384" \
    " UNION SELECT d.refobjid, d.objid FROM pg_depend d JOIN pg_range r ON r.rngtypid = d.refobjid" /* multiranges, since 14 */ \
    "  WHERE d.classid = 'pg_type'::regclass AND d.refclassid = 'pg_type'::regclass AND d.refobjid >= 16384" \
    " UNION SELECT a.atttypid, c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid" \
    "  WHERE a.atttypid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND c.reltype <> 0 AND c.relpersistence <> 't')," \
    " code_types(type, function) AS (" \
    " SELECT c.contypid, f.function FROM expression_functions f JOIN pg_constraint c ON c.oid = f.objid" \
    "  WHERE f.classid = 'pg_constraint'::regclass AND c.contypid <> 0" \
    " UNION SELECT objid, function FROM expression_functions WHERE classid = 'pg_type'::regclass" \
    " UNION SELECT c.contypid, p.oid FROM pg_constraint c CROSS JOIN LATERAL regexp_matches(c.conbin::text, ':(?:funcid|opfuncid) (\\d+)', 'g') AS m" \
    "  JOIN pg_proc p ON p.oid = m[1]::oid WHERE c.contypid <> 0 AND p.oid < 16384 AND p.provolatile <> 'i'" \
    " UNION SELECT contypid, 1299 FROM pg_constraint WHERE contypid <> 0 AND conbin::text LIKE '%SQLVALUEFUNCTION%'" \
    " UNION SELECT t.oid, f FROM pg_type t," \
    "  unnest(ARRAY[t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid, t.typmodin::oid, t.typmodout::oid]) f" \
    "  WHERE t.oid >= 16384 AND f >= 16384" \
    " UNION SELECT rngtypid, rngcanonical::oid FROM pg_range WHERE rngcanonical::oid >= 16384" \
    " UNION SELECT p.whole, c.function FROM code_types c JOIN parts p ON p.part = c.type)"

// Temporary relations are left out: those of other sessions cannot be read, and a session that owns some is not served.
const char* const kRelationsQuery =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence = 'u', c.relrowsecurity,"
    " CASE WHEN c.relkind IN ('v', 'm') AND c.oid >= 16384 THEN pg_get_viewdef(c.oid) END,"
    " coalesce('security_invoker=true' = ANY (c.reloptions) OR 'security_invoker=on' = ANY (c.reloptions), false),"
    " coalesce(r.on_insert, false), coalesce(r.on_update, false), coalesce(r.on_delete, false), z.attrelid IS NOT NULL"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN (SELECT ev_class, bool_or(ev_type = '3') AS on_insert, bool_or(ev_type = '2') AS on_update, bool_or(ev_type = '4') AS on_delete"
    "            FROM pg_rewrite WHERE ev_type <> '1' GROUP BY ev_class) r ON r.ev_class = c.oid"
    " LEFT JOIN (SELECT DISTINCT a.attrelid FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
    "            WHERE a.attrelid >= 16384 AND NOT a.attisdropped AND (t.oid IN (1266, 1270) OR t.typbasetype IN (1266, 1270))) z ON z.attrelid = c.oid"
    " WHERE c.relpersistence <> 't' AND c.relkind NOT IN ('i', 'I', 't') AND n.nspname <> 'pg_toast'"
    " ORDER BY c.oid";

const char* const kInheritanceQuery = "SELECT inhrelid, inhparent FROM pg_inherits ORDER BY inhrelid, inhparent";

const char* const kForeignKeysQuery =
    "SELECT DISTINCT conrelid, confrelid, confdeltype, confupdtype FROM pg_constraint WHERE contype = 'f' ORDER BY 1, 2, 3, 4";

// An aggregate's own row says nothing; what counts are the functions it is made of. A function in a language of its own that has
// a builtin one's OID was put into its place. The functions that make a range type's values came with the type, as its cast to
// its multirange did; they run no code unless the values are of a type that does.
#define LARDER_FUNCTIONS(which) \
    "WITH ranges AS (SELECT coalesce(bool_or(s.oid >= 16384 AND (s.typtype NOT IN ('b', 'e') OR s.typelem <> 0)), false) AS code_ranges" \
    "  FROM pg_range r JOIN pg_type s ON s.oid = r.rngsubtype)," \
    " parts AS (SELECT a.aggfnoid::oid AS aggregate, max(CASE p.provolatile WHEN 'i' THEN 1 WHEN 's' THEN 2 ELSE 3 END) AS volatility," \
    "   bool_and(l.lanname IN ('internal', 'c')) AS is_native" \
    "  FROM pg_aggregate a, unnest(ARRAY[a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid, a.aggserialfn::oid, a.aggdeserialfn::oid," \
    "   a.aggmtransfn::oid, a.aggminvtransfn::oid, a.aggmfinalfn::oid]) AS part" \
    "  JOIN pg_proc p ON p.oid = part JOIN pg_language l ON l.oid = p.prolang WHERE a.aggfnoid::oid >= 16384 GROUP BY 1)" \
    " SELECT p.oid, n.nspname, p.proname," \
    " CASE WHEN parts.aggregate IS NULL THEN p.provolatile::text ELSE (ARRAY['i', 's', 'v'])[parts.volatility] END," \
    " p.oid < 16384 AND n.nspname = 'pg_catalog' AND l.lanname IN ('internal', 'c', 'sql')" \
    "  OR l.lanname = 'internal' AND p.prosrc ~ '^(multi)?range_constructor[0-3]$' AND NOT (SELECT code_ranges FROM ranges), l.lanname IN ('internal', 'c') AND coalesce(parts.is_native, true), e.extname IS NOT NULL," \
    " p.prokind = 'p', coalesce(e.extname, '')," \
    " CASE WHEN l.lanname = 'sql' AND p.oid >= 16384 AND p.prokind = 'f' AND p.pronargdefaults = 0" \
    "  AND (p.proconfig IS NULL OR NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) s WHERE s NOT LIKE 'search_path=%'))" \
    "  AND NOT EXISTS (SELECT 1 FROM pg_type y WHERE y.oid = ANY (p.proargtypes::oid[] || p.prorettype || coalesce(p.proallargtypes, '{}'))" \
    "   AND (y.typtype NOT IN ('b', 'e') OR y.typelem <> 0 AND y.oid >= 16384)) THEN p.prosrc END," \
    " CASE WHEN l.lanname = 'plpgsql' AND p.oid >= 16384 AND p.prorettype = 'pg_catalog.trigger'::regtype" \
    "  AND (p.proconfig IS NULL OR NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) s WHERE s NOT LIKE 'search_path=%')) THEN p.prosrc END," \
    " p.pronargs >= 1 AND p.pronargs - p.pronargdefaults <= 1 AND coalesce(t.typtype IN ('c', 'd', 'p'), true)," \
    " p.prorettype = 'pg_catalog.trigger'::regtype" \
    " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang" \
    " LEFT JOIN pg_type t ON t.oid = p.proargtypes[0]" \
    " LEFT JOIN parts ON parts.aggregate = p.oid" \
    " LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass" \
    " LEFT JOIN pg_extension e ON e.oid = d.refobjid" \
    " WHERE " which " ORDER BY p.oid"
// 11 is pg_catalog, 12 and 13 are the languages internal and C: by their OIDs, so that it is told before anything is joined.
#define LARDER_IS_BUILTIN "(p.oid < 16384 AND p.pronamespace = 11 AND p.prolang IN (12, 13))"

const char* const kBuiltinFunctionsQuery = LARDER_FUNCTIONS(LARDER_IS_BUILTIN);
const char* const kOtherFunctionsQuery = LARDER_FUNCTIONS("NOT " LARDER_IS_BUILTIN);

// relation, function, then whether on read, insert, update, delete, truncate, maintenance. A type in an expression stands for
// the functions that it runs, a view or a table with row security in a policy for code that is not understood.
const char* const kCodeUsesQuery =
    "WITH RECURSIVE " LARDER_EXPRESSION_FUNCTIONS ", " LARDER_CODE_TYPES ","
    " held(classid, objid, function) AS MATERIALIZED (SELECT classid, objid, function FROM expression_functions"
    "  UNION SELECT d.classid, d.objid, t.function FROM pg_depend d JOIN code_types t ON t.type = d.refobjid WHERE d.refclassid = 'pg_type'::regclass"
    "   AND d.classid IN (" LARDER_EXPRESSION_HOLDERS ")"
    "  UNION SELECT d.classid, d.objid, 0::oid FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid JOIN pg_policy p ON p.oid = d.objid"
    "   WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_class'::regclass AND c.oid <> p.polrelid AND (c.relkind = 'v' OR c.relrowsecurity)"
    // Builtin functions of policies too: some run SQL that they are given.
    "  UNION SELECT 'pg_policy'::regclass::oid, p.oid, m[1]::oid FROM pg_policy p"
    "   CROSS JOIN LATERAL regexp_matches(concat(p.polqual::text, p.polwithcheck::text), ':(?:funcid|opfuncid) (\\d+)', 'g') AS m WHERE m[1]::oid BETWEEN 1 AND 16383),"
    " opclass_functions(opclass, function) AS MATERIALIZED (SELECT DISTINCT o.oid, p.amproc::oid FROM pg_opclass o"
    "  JOIN pg_amproc p ON p.amprocfamily = o.opcfamily WHERE p.amproc::oid >= 16384)"
    " SELECT relation, function, bool_or(r), bool_or(i), bool_or(u), bool_or(d), bool_or(t), bool_or(m) FROM ("
    " SELECT tgrelid, tgfoid, false, tgtype & 4 <> 0, tgtype & 16 <> 0, tgtype & 8 <> 0, tgtype & 32 <> 0, false FROM pg_trigger WHERE NOT tgisinternal"
    " UNION ALL SELECT t.tgrelid, f.function, false, tgtype & 4 <> 0, tgtype & 16 <> 0, tgtype & 8 <> 0, tgtype & 32 <> 0, false FROM held f"
    "  JOIN pg_trigger t ON t.oid = f.objid WHERE f.classid = 'pg_trigger'::regclass"
    " UNION ALL SELECT a.adrelid, f.function, false, true, true, false, false, false FROM held f JOIN pg_attrdef a ON a.oid = f.objid"
    "  WHERE f.classid = 'pg_attrdef'::regclass"
    " UNION ALL SELECT c.conrelid, f.function, false, true, true, false, false, false FROM held f JOIN pg_constraint c ON c.oid = f.objid"
    "  WHERE f.classid = 'pg_constraint'::regclass AND c.conrelid <> 0"
    " UNION ALL SELECT c.confrelid, f.function, false, false, true, true, false, false FROM held f JOIN pg_constraint c ON c.oid = f.objid"
    "  WHERE f.classid = 'pg_constraint'::regclass AND c.confrelid <> 0"
    " UNION ALL SELECT i.indrelid, f.function, false, true, true, false, false, true FROM held f JOIN pg_index i ON i.indexrelid = f.objid"
    "  WHERE f.classid = 'pg_class'::regclass"
    " UNION ALL SELECT p.partrelid, f.function, false, true, true, false, false, false FROM held f JOIN pg_partitioned_table p ON p.partrelid = f.objid"
    "  WHERE f.classid = 'pg_class'::regclass"
    " UNION ALL SELECT p.polrelid, f.function, true, true, true, true, false, false FROM held f JOIN pg_policy p ON p.oid = f.objid"
    "  WHERE f.classid = 'pg_policy'::regclass"
    " UNION ALL SELECT s.stxrelid, f.function, false, false, false, false, false, true FROM held f JOIN pg_statistic_ext s ON s.oid = f.objid"
    "  WHERE f.classid = 'pg_statistic_ext'::regclass"
    " UNION ALL SELECT i.indrelid, o.function, false, true, true, false, false, true FROM pg_index i, unnest(i.indclass::oid[]) AS c"
    "  JOIN opclass_functions o ON o.opclass = c"
    " UNION ALL SELECT p.partrelid, o.function, false, true, true, false, false, false FROM pg_partitioned_table p, unnest(p.partclass::oid[]) AS c"
    "  JOIN opclass_functions o ON o.opclass = c"
    // The planner estimates with the difference, of a column or of any expression that there are statistics on.
    " UNION ALL SELECT 0::oid, rngsubdiff::oid, false, false, false, false, false, false FROM pg_range WHERE rngsubdiff::oid >= 16384"
    " ) AS uses(relation, function, r, i, u, d, t, m) GROUP BY relation, function ORDER BY relation, function";

// Of tables that may have keys.
#define LARDER_IS_TABLE "c.relkind = 'r' AND c.oid >= 16384 AND c.relpersistence <> 't'"

const char* const kColumnsQuery =
    "SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, coalesce(k.collisdeterministic, true), a.attgenerated <> ''"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_collation k ON k.oid = a.attcollation"
    " WHERE " LARDER_IS_TABLE " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";

// A unique index that is neither partial nor over expressions, with all its columns, or the first column of any other.
#define LARDER_IS_UNIQUE "i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL"

const char* const kIndexesQuery =
    "SELECT i.indexrelid, i.indrelid, a.attname, " LARDER_IS_UNIQUE ","
    " (SELECT bool_and(i.indclass[n] < 16384 AND i.indcollation[n] = b.attcollation) FROM generate_series(0, i.indnkeyatts - 1) n"
    "  JOIN pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = i.indkey[n])"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
    " CROSS JOIN LATERAL generate_series(0, CASE WHEN " LARDER_IS_UNIQUE " THEN i.indnkeyatts - 1 ELSE 0 END) p"
    " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p]"
    " WHERE " LARDER_IS_TABLE " AND i.indisvalid AND i.indisready AND i.indislive AND i.indkey[0] <> 0 ORDER BY i.indrelid, i.indexrelid, p";

const char* const kPolicyReadsQuery =
    "SELECT DISTINCT p.polrelid, d.refobjid FROM pg_depend d JOIN pg_policy p ON p.oid = d.objid"
    " WHERE d.classid = 'pg_policy'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid ORDER BY 1, 2";

const char* const kRowTriggersQuery =
    "SELECT tgrelid, bool_or(tgtype & 4 <> 0), bool_or(tgtype & 16 <> 0), bool_or(tgtype & 8 <> 0), tgfoid FROM pg_trigger"
    " WHERE NOT tgisinternal AND tgtype & 1 <> 0 GROUP BY tgrelid, tgfoid ORDER BY tgrelid, tgfoid";

const char* const kOperatorsQuery =
    "SELECT n.nspname, o.oprname, o.oprcode::oid FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid >= 16384 ORDER BY o.oid";

const char* const kTypesQuery =
    "WITH RECURSIVE " LARDER_EXPRESSION_FUNCTIONS ", " LARDER_CODE_TYPES
    " SELECT n.nspname, t.typname, c.function FROM code_types c JOIN pg_type t ON t.oid = c.type JOIN pg_namespace n ON n.oid = t.typnamespace"
    " ORDER BY t.oid, c.function";

const char* const kTypeColumnsQuery =
    "WITH RECURSIVE " LARDER_EXPRESSION_FUNCTIONS ", " LARDER_CODE_TYPES
    " SELECT DISTINCT a.attrelid, t.function FROM code_types t JOIN pg_attribute a ON a.atttypid = t.type JOIN pg_class c ON c.oid = a.attrelid"
    " WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' ORDER BY 1, 2";

// Operators that no statement names: those of B-tree and hash operator classes (403, 405), by which rows are sorted, grouped and joined. Those of other
// access methods stand in the statement itself (pg_trgm's % is STABLE, since it reads a setting, and is nobody's business elsewhere).
const char* const kImplicitFunctionsQuery =
    "SELECT castfunc FROM pg_cast WHERE castfunc >= 16384"
    " UNION SELECT amproc::oid FROM pg_amproc WHERE amproc::oid >= 16384"
    " UNION SELECT o.oprcode::oid FROM pg_amop a JOIN pg_operator o ON o.oid = a.amopopr WHERE a.amopmethod IN (403, 405) AND o.oprcode::oid >= 16384 ORDER BY 1";

// A login trigger runs before the first statement, on a connection that is new.
const char* const kEventFunctionsQuery = "SELECT DISTINCT evtfoid FROM pg_event_trigger WHERE evtenabled <> 'D' AND evtevent <> 'login' ORDER BY 1";

const char* const kExtensionsQuery =
    "SELECT DISTINCT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid"
    " WHERE d.deptype = 'e' AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass ORDER BY 1";

// bool, int8, int2, int4, text, unknown, varchar, uuid; anyelement, anynonarray, anycompatible, anycompatiblenonarray, any.
#define LARDER_KEY_TYPES "16, 20, 21, 23, 25, 705, 1043, 2950, 2283, 2776, 5077, 5079, 2276"

// 1266 and 1270 are timetz and its array.
const char* const kDatabaseQuery =
    "SELECT current_database(), current_setting('server_version_num'), current_setting('server_encoding'),"
    " EXISTS (SELECT 1 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.atttypid IN (1266, 1270) AND c.oid >= 16384"
    "  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT a.attisdropped),"
    " EXISTS (SELECT 1 FROM pg_operator WHERE oid >= 16384 AND oprname = '=' AND (oprleft IN (" LARDER_KEY_TYPES ") OR oprright IN (" LARDER_KEY_TYPES ")))"
    "  OR EXISTS (SELECT 1 FROM pg_cast WHERE oid >= 16384 AND castsource IN (" LARDER_KEY_TYPES ") AND (castcontext = 'i' OR casttarget IN (" LARDER_KEY_TYPES ")))";

// A sum of hashes per catalogue, so that nothing need be sorted. xmin tells every change of a row; where rows change
// without meaning (pg_class on every VACUUM FULL or TRUNCATE, pg_database) the columns that mean something are hashed instead.
#define LARDER_HASH_ROWS(what, from) "(SELECT count(*) || ':' || coalesce(sum(hashtextextended(" what ", 0)), 0) FROM " from ")"
#define LARDER_HASH_XMIN(table) LARDER_HASH_ROWS("oid || ' ' || xmin::text", table " WHERE oid >= 16384")

// Temporary tables come and go with the work of others; nothing that is kept depends on them.
#define LARDER_NOT_TEMPORARY(relation) relation " NOT IN (SELECT oid FROM pg_class WHERE relpersistence = 't')"

const char* const kStateDigestQuery =
    "SELECT md5(concat_ws(' '," LARDER_HASH_ROWS("concat_ws(' ', oid, relname, relnamespace, relkind, relpersistence, relowner, reltype, relrowsecurity,"
                                                 " relforcerowsecurity, relispartition, relacl, reloptions)", "pg_class WHERE relpersistence <> 't' AND relkind NOT IN ('t', 'i', 'I')") ", "
    LARDER_HASH_ROWS("concat_ws(' ', indrelid, indexprs, indpred)", "pg_index WHERE indexprs IS NOT NULL OR indpred IS NOT NULL") ", "
    LARDER_HASH_ROWS("concat_ws(' ', indrelid, indkey, indnkeyatts, indclass, indcollation)", "pg_index WHERE indrelid >= 16384 AND indisunique AND indisvalid AND " LARDER_NOT_TEMPORARY("indrelid")) ", "
    LARDER_HASH_ROWS("attrelid || ' ' || attnum || ' ' || a.xmin::text", "pg_attribute a JOIN pg_class c ON c.oid = attrelid"
                     " WHERE attrelid >= 16384 AND attnum > 0 AND relpersistence <> 't' AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c')") ", "
    LARDER_HASH_ROWS("attrelid || ' ' || attnum || ' ' || attacl::text", "pg_attribute WHERE attacl IS NOT NULL") ", "
    LARDER_HASH_ROWS("oid || ' ' || xmin::text", "pg_namespace WHERE nspname NOT LIKE 'pg\\_temp\\_%' AND nspname NOT LIKE 'pg\\_toast\\_temp\\_%'") ", "
    LARDER_HASH_ROWS("oid || ' ' || proacl::text", "pg_proc WHERE oid < 16384 AND proacl IS NOT NULL") ", "
    LARDER_HASH_ROWS("oid || ' ' || xmin::text || ' ' || typnamespace", "pg_type WHERE oid >= 16384 AND typtype <> 'c' AND typelem = 0") ", "
    LARDER_HASH_XMIN("pg_proc") ", " LARDER_HASH_XMIN("pg_operator") ", " LARDER_HASH_XMIN("pg_cast") ", "
    LARDER_HASH_ROWS("oid || ' ' || xmin::text", "pg_constraint WHERE oid >= 16384 AND " LARDER_NOT_TEMPORARY("conrelid")) ", "
    LARDER_HASH_ROWS("oid || ' ' || xmin::text", "pg_attrdef WHERE oid >= 16384 AND " LARDER_NOT_TEMPORARY("adrelid")) ", " LARDER_HASH_XMIN("pg_rewrite") ", " LARDER_HASH_XMIN("pg_policy") ", " LARDER_HASH_XMIN("pg_enum") ", "
    LARDER_HASH_XMIN("pg_collation") ", " LARDER_HASH_XMIN("pg_conversion") ", " LARDER_HASH_XMIN("pg_ts_config") ", " LARDER_HASH_XMIN("pg_ts_dict") ", "
    LARDER_HASH_XMIN("pg_opclass") ", " LARDER_HASH_XMIN("pg_amproc") ", " LARDER_HASH_XMIN("pg_amop") ", " LARDER_HASH_XMIN("pg_extension") ", " LARDER_HASH_XMIN("pg_event_trigger") ", " LARDER_HASH_XMIN("pg_statistic_ext") ", "
    LARDER_HASH_XMIN("pg_language") ", " LARDER_HASH_XMIN("pg_foreign_server") ", "
    LARDER_HASH_ROWS("oid || ' ' || xmin::text", "pg_trigger WHERE NOT tgisinternal") ", "
    LARDER_HASH_ROWS("mapcfg || ' ' || maptokentype || ' ' || mapseqno || ' ' || xmin::text", "pg_ts_config_map") ", "
    LARDER_HASH_ROWS("inhrelid || ' ' || inhparent || ' ' || xmin::text", "pg_inherits") ", "
    LARDER_HASH_ROWS("rngtypid || ' ' || xmin::text", "pg_range") ", "
    LARDER_HASH_ROWS("roleid || ' ' || member || ' ' || xmin::text", "pg_auth_members") ", "
    LARDER_HASH_ROWS("concat_ws(' ', oid, rolname, rolsuper, rolinherit, rolbypassrls, rolcanlogin)", "pg_roles") ", "
    LARDER_HASH_ROWS("setdatabase || ' ' || setrole || ' ' || setconfig::text", "pg_db_role_setting") ", "
    LARDER_HASH_ROWS("concat_ws(' ', oid, datname, datdba, datacl)", "pg_database WHERE datname = current_database()") "))";

// Mapped catalogues have no relfilenode in pg_class. Shared ones are in no database, as far as the log is concerned.
const char* const kRelationFilesQuery =
    "SELECT d.oid, CASE WHEN c.relfilenode = 0 THEN pg_relation_filenode(c.oid) ELSE c.relfilenode END, coalesce(o.oid, c.oid),"
    " has_function_privilege('public', 'pg_catalog.pg_current_xact_id_if_assigned()', 'EXECUTE')"
    " FROM pg_database d, pg_class c LEFT JOIN pg_class o ON o.reltoastrelid = c.oid AND c.relkind = 't'"
    " WHERE d.datname = current_database() AND c.relkind IN ('r', 'm', 't') AND c.relpersistence <> 't' AND NOT c.relisshared"
    " AND (c.relfilenode <> 0 OR pg_relation_filenode(c.oid) IS NOT NULL)";

}  // namespace larder::proxy
