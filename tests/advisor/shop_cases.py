"""The form of the entries in shop_queries.py and more_queries.py: a name, a statement, and

  best     answers to measure against: each a list of DDL statements, and perhaps ("rewrite", text) among them
  kinds    where the right answer cannot be measured by a plan's cost: the kinds that are right
  params   values for $1, $2, …; without them a statement that has parameters is planned for any
  setup    what is done before, and undone after, for cases that the shop does not have

A control has neither best nor kinds: the right answer has no DDL and no rewrite.
"""


def case(name, sql, *best, kinds=(), params=(), setup=(), extensions=()):
    return {"id": name, "sql": sql, "best": [answer if isinstance(answer, list) else [answer] for answer in best], "kinds": list(kinds),
            "params": list(params), "setup": list(setup), "extensions": list(extensions)}


def rewrite(text):
    return ("rewrite", text)
