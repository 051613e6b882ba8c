// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// The Model Context Protocol's own TypeScript client, which knows nothing of Clawea but
// a URL and how to show who it is: by its authorization it finds the house's
// authorization server, orders a token there, and calls tools. It reads what it needs to
// know from its standard input, prints a line for each thing that held, and fails with
// the first that did not.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const { house, secretClient, keyClient } = JSON.parse(await text(process.stdin))

const held = (what) => console.log(`ok ${what}`)

async function visit(how, authProvider) {
  const client = new Client({ name: 'stock', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${house}/mcp`), { authProvider }))
  assert.equal(authProvider.tokens().token_type.toLowerCase(), 'bearer')
  held(`${how}: found where tokens are, and ordered one`)
  assert.deepEqual((await client.listTools()).tools, [])
  const res = await client.callTool({ name: 'jira_issue_get', arguments: { issue_key: 'ENG-1' } })
  assert.equal(res.isError, true)
  assert.equal(JSON.parse(res.content[0].text).status, 'denied')
  assert.match(res._meta['clawea/receipt'], /^job-[0-9a-f]+\/1$/)
  held(`${how}: a call has its receipt`)
  await client.close()
}

await visit('secret', new ClientCredentialsProvider({ clientId: secretClient.id, clientSecret: secretClient.secret, expectedIssuer: house }))
await visit('key', new PrivateKeyJwtProvider({ clientId: keyClient.id, privateKey: keyClient.jwk, algorithm: 'ES256', expectedIssuer: house }))
await assert.rejects(visit('stranger', new ClientCredentialsProvider({ clientId: secretClient.id, clientSecret: 'x'.repeat(40), expectedIssuer: house })))
held('a stranger is not let in')
