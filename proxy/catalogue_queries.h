// The queries of the catalogue loader. They run under `search_path = ''`: an unqualified name is pg_catalog's.
#pragma once

namespace larder::proxy {

extern const char* const kRelationsQuery;
extern const char* const kInheritanceQuery;
extern const char* const kForeignKeysQuery;
extern const char* const kBuiltinFunctionsQuery;
extern const char* const kOtherFunctionsQuery;
extern const char* const kCodeUsesQuery;
extern const char* const kPolicyReadsQuery;
extern const char* const kColumnsQuery;
extern const char* const kIndexesQuery;
extern const char* const kRowTriggersQuery;
extern const char* const kOperatorsQuery;
extern const char* const kTypesQuery;
extern const char* const kTypeColumnsQuery;
extern const char* const kImplicitFunctionsQuery;
extern const char* const kEventFunctionsQuery;
extern const char* const kExtensionsQuery;
extern const char* const kDatabaseQuery;
extern const char* const kStateDigestQuery;
extern const char* const kRelationFilesQuery;

}  // namespace larder::proxy
