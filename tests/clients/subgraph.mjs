// What tools of GraphQL do with the two endpoints: read the types, build the schema, check a query: `node subgraph.mjs`.
import assert from 'node:assert/strict';

import { buildClientSchema, getIntrospectionQuery, parse, printSchema, validate, validateSchema } from 'graphql';

import { network } from './lib/network.mjs';
import { done, step } from './lib/steps.mjs';

const ready = await network();

async function ask(url, query, variables) {
  const body = JSON.stringify({ query, variables, operationName: null });
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const answer = await response.json();
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  return answer.data;
}

const questions = {
  subgraphUrl: [
    `query ($after: BigInt!, $who: String) {
      deals(where: { timestamp_gte: $after, or: [{ requester: $who }, { app_not: $who }] }, orderBy: timestamp, first: 5) {
        id app { name owner { id } } tasks(where: { status_in: ["COMPLETED"] }) { id results bulkSlice { datasets { id } } }
      }
      _meta { block { number hash } hasIndexingErrors }
    }`,
    { after: '0', who: '0x00' },
  ],
  dataProtectorSubgraphUrl: [
    '{ protectedDatas(where: { schema_contains: ["email:string"] }, orderDirection: desc) { id schema { id } __typename } }',
  ],
};
const options = { descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true };
for (const [endpoint, [query, variables]] of Object.entries(questions)) {
  await step(`${endpoint}: the schema that it tells is one`, async () => {
    const schema = buildClientSchema(await ask(ready[endpoint], getIntrospectionQuery(options)));
    assert.deepEqual(validateSchema(schema), []);
    assert(printSchema(schema).includes('type Query'));
    assert.deepEqual(validate(schema, parse(query)), []);
    assert.notDeepEqual(validate(schema, parse('{ nothing }')), []);
  });
  await step(`${endpoint}: what the schema allows is answered`, () => ask(ready[endpoint], query, variables));
}
done();
