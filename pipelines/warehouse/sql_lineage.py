"""Which columns a query's columns are made from, read off the query by DuckDB's own parser.

Here: SELECT with joins, subqueries, WITH, UNION and lateral joins, as the marts use them.
Add here: another clause that a mart needs; until then a query with it has no lineage, rather than a wrong one.
Keep out: what joins, filters and groups a result: it decides which rows there are, not what a column says.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.warehouse import duck

# A column of a stored table: ("marts.shipment_verdicts", "verdict").
Source = tuple[str, str]
Columns = dict[str, set[Source]]


class _Unknown(Exception):
    """A clause that is not read here."""


def columns_made_from(queries: Iterable[str], tables: Mapping[str, Iterable[str]]) -> list[Columns]:
    """For each query the columns of its result, each with the stored columns that it is made from.

    tables: the columns of every stored table, by `schema.table`. A query that holds a clause which is not read
    here gives no columns. Raises `ValueError` for one that DuckDB cannot parse.
    """
    stored = {name: {column: {(name, column)} for column in columns} for name, columns in tables.items()}
    found = []
    with duck.memory() as connection:
        for query in queries:
            (text,) = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()[0]
            parsed = json.loads(text)
            if parsed["error"]:
                raise ValueError(parsed["error_message"])
            try:
                found.append(_Query(stored, []).columns(parsed["statements"][0]["node"]))
            except _Unknown:
                found.append({})
    return found


Relations = list[tuple[str, Columns]]


class _Query:
    """One query: the tables and WITH queries that it may name, and what stands in FROM around it, innermost first."""

    def __init__(self, named: Mapping[str, Columns], outer: list[Relations]) -> None:
        self._named = dict(named)
        self._outer = outer

    def columns(self, node: dict[str, Any]) -> Columns:
        for entry in node["cte_map"]["map"]:
            self._named[entry["key"]] = self._inner(entry["value"]["query"]["node"], [])
        match node["type"]:
            case "SELECT_NODE":
                return self._select(node)
            case "SET_OPERATION_NODE" if node["setop_type"] in {"UNION", "EXCEPT", "INTERSECT"}:
                left, right = self._inner(node["left"], []), self._inner(node["right"], [])
                if len(left) != len(right):
                    raise _Unknown
                pairs = zip(left.items(), right.values(), strict=True)
                return {name: made_from | other for (name, made_from), other in pairs}
        raise _Unknown

    def _inner(self, node: dict[str, Any], seen: Relations) -> Columns:
        return _Query(self._named, [seen, *self._outer]).columns(node)

    def _select(self, node: dict[str, Any]) -> Columns:
        relations = self._relations(node["from_table"], [])
        result: Columns = {}
        for position, item in enumerate(node["select_list"]):
            if item["class"] == "STAR":
                result |= _star(item, relations)
            else:
                name = item["alias"] or item.get("column_names", [item.get("function_name", "")])[-1]
                if name in result:  # several constants without a name, which only their place tells apart
                    name = f"{name} {position}"
                # A column may be made from one before it in the same list.
                result[name] = self._made_from(item, [relations, [("", result)]])
        return result

    def _relations(self, table: dict[str, Any], beside: Relations) -> Relations:
        """What stands in FROM, each with the name it goes by; `beside` is what a lateral subquery sees."""
        if table.get("column_name_alias"):
            raise _Unknown
        match table["type"]:
            case "EMPTY":
                return []
            case "BASE_TABLE":
                name = ".".join(filter(None, [table["schema_name"], table["table_name"]]))
                if name not in self._named:
                    raise _Unknown
                return [(table["alias"] or table["table_name"], self._named[name])]
            case "SUBQUERY":
                return [(table["alias"], self._inner(table["subquery"]["node"], beside))]
            case "JOIN":
                left = self._relations(table["left"], beside)
                return [*left, *self._relations(table["right"], [*left, *beside])]
        raise _Unknown

    def _made_from(self, expression: object, scopes: list[Relations]) -> set[Source]:
        if isinstance(expression, list):
            return {source for part in expression for source in self._made_from(part, scopes)}
        if not isinstance(expression, dict):
            return set()
        match expression.get("class"):
            case "COLUMN_REF":
                return _named(expression["column_names"], [*scopes, *self._outer])
            case "SUBQUERY" if "EXISTS" in expression["subquery_type"]:
                return set()  # a filter by another name
            case "SUBQUERY":
                inner = self._inner(
                    expression["subquery"]["node"], [relation for scope in scopes for relation in scope]
                )
                return set().union(*inner.values())
        return self._made_from(list(expression.values()), scopes)


def _named(names: list[str], scopes: list[Relations]) -> set[Source]:
    """A name in an expression, looked up in the nearest scope that has it; a parameter of a function is in none."""
    *relation, column = names
    for scope in scopes:
        found = [columns[column] for name, columns in scope if column in columns and relation[-1:] in ([], [name])]
        if found:
            return set().union(*found)
    return set()


def _star(item: dict[str, Any], relations: Relations) -> Columns:
    if item["replace_list"] or item["rename_list"] or item["qualified_exclude_list"]:
        raise _Unknown
    return {
        name: made_from
        for relation, columns in relations
        if item["relation_name"] in ("", relation)
        for name, made_from in columns.items()
        if name not in item["exclude_list"]
    }
