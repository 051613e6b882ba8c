// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Reads a query in JQL from each line, as a JSON string, and answers each with a
// line: {"error": "..."} if Atlassian's own parser does not take it, or else what
// the parser made of it: {"where": CONDITION, "order": [{"field", "direction"}]}.
//
// A CONDITION is {"and": [...]}, {"or": [...]}, {"not": CONDITION} or
// {"field", "op", "values", "list", "more"}, where "more" counts what only history
// and properties have. Words are as they stand in the text, quotes included, so
// that nobody's reading of escapes is between the two sides.
import { createInterface } from 'node:readline';
import { JastBuilder } from '@atlaskit/jql-ast';

function condition(clause) {
  switch (clause.clauseType) {
    case 'compound':
      return { [clause.operator.value]: clause.clauses.map(condition) };
    case 'not':
      return { not: condition(clause.clause) };
    case 'terminal': {
      const list = clause.operand?.operandType === 'list';
      const values = list ? clause.operand.values : clause.operand ? [clause.operand] : [];
      const field = clause.field.text;
      const more = clause.predicates.length + (clause.field.properties?.length ?? 0);
      return { field, op: clause.operator.value.toUpperCase(), values: values.map(operand), list, more };
    }
  }
  throw new Error(`clause of an unknown type: ${clause.clauseType}`);
}

function operand(o) {
  switch (o.operandType) {
    case 'value':
      return { value: o.text };
    case 'keyword':
      return { keyword: o.value };
    case 'function':
      return { function: o.function.text, args: o.arguments.length > 0 ? o.arguments.map((a) => a.text) : undefined };
    case 'list': // a list in a list
      return { nested: o.values.map(operand) };
  }
  throw new Error(`operand of an unknown type: ${o.operandType}`);
}

function answer(text) {
  const { query, errors } = new JastBuilder().build(text);
  if (errors.length > 0 || !query) {
    return { error: String(errors[0]?.message ?? 'no query') };
  }
  const order = (query.orderBy?.fields ?? []).map((f) => ({ field: f.field.text, direction: f.direction?.value ?? '' }));
  return { where: query.where ? condition(query.where) : null, order };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + '\n');
}
