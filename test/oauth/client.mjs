// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// A generic OAuth 2.0 client at work: openid-client as its makers ship it, which
// knows nothing of Clawea but a URL. It reads what it needs to know from its
// standard input, prints a line for each thing that held, and fails with the
// first that did not.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import * as oauth from 'openid-client'

const { house, policy, secretClient, edClient, ecClient, identity, subjectToken } = JSON.parse(await text(process.stdin))

const held = (what) => console.log(`ok ${what}`)
const local = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] } // the house is on this machine, without TLS
const discover = (id, auth) => oauth.discovery(new URL(house), id, undefined, auth, local)
const order = (job) => ({ authorization_details: JSON.stringify([{ type: 'clawea_wpc', policy_hash: policy, job }]) })
const completions = new URL(`${house}/proxy/sim/v1/chat/completions`)

function ask(config, tokens, DPoP) {
  const body = JSON.stringify({ model: 'sim', messages: [{ role: 'user', content: 'Who goes there?' }] })
  return oauth.fetchProtectedResource(config, tokens.access_token, completions, 'POST', body, new Headers({ 'Content-Type': 'application/json' }), { DPoP })
}

// refused runs what must fail at an endpoint, and returns the error's code.
async function refused(promise) {
  try {
    await promise
  } catch (err) {
    return err.error ?? (await err.response.json()).error // where it reads the challenge and not the body
  }
  assert.fail('it was not refused')
}

async function wantBound(config, job) {
  const keys = await oauth.randomDPoPKeyPair() // ES256
  const DPoP = oauth.getDPoPHandle(config, keys)
  const tokens = await oauth.clientCredentialsGrant(config, order(job), { DPoP }) // which is told to use a nonce, and comes again
  assert.equal(tokens.token_type, 'dpop')
  assert.equal(tokens.authorization_details[0].policy_hash, policy)
  assert.equal(tokens.authorization_details[0].job, job)
  assert.ok(tokens.expiresIn() > 0)
  return { tokens, DPoP }
}

// Discovery (RFC 8414).
let config = await discover(secretClient.id, oauth.ClientSecretBasic(secretClient.secret))
const server = config.serverMetadata()
assert.equal(server.issuer, house)
assert.ok(server.grant_types_supported.includes('client_credentials'))
assert.ok(server.authorization_details_types_supported.includes('clawea_wpc'))
held('discovery')

// Client credentials with a proof of possession (RFC 6749, RFC 9396, RFC 9449).
const { tokens, DPoP } = await wantBound(config, 'stock-basic')
held('client credentials by client_secret_basic')

const answer = await ask(config, tokens, DPoP)
assert.equal(answer.status, 200, await answer.clone().text())
assert.equal(answer.headers.get('clawea-receipt'), 'stock-basic/1')
held('a model call with the token and a proof')

const stolen = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair())
await assert.rejects(ask(config, tokens, stolen), (err) => err.status === 401 && err.response.headers.get('clawea-refused') === 'dpop.key')
held('the token by another key is refused')

await assert.rejects(ask(config, tokens, undefined), (err) => err.status === 401 && err.response.headers.get('clawea-refused') === 'dpop.missing')
held('the token without proof is refused')

// Introspection (RFC 7662) and revocation (RFC 7009).
const seen = await oauth.tokenIntrospection(config, tokens.access_token)
assert.equal(seen.active, true)
assert.equal(seen.client_id, secretClient.id)
assert.equal(seen.token_type, 'DPoP')
assert.equal(seen.job, 'stock-basic')
assert.ok(seen.cnf.jkt)
held('introspection')

await oauth.tokenRevocation(config, tokens.access_token)
assert.deepEqual(await oauth.tokenIntrospection(config, tokens.access_token), { active: false })
await assert.rejects(ask(config, tokens, DPoP), (err) => err.status === 401 && err.response.headers.get('clawea-refused') === 'token.revoked')
await oauth.tokenRevocation(config, 'no token of anybody')
held('revocation')

// Other ways to authenticate.
config = await discover(secretClient.id, oauth.ClientSecretPost(secretClient.secret))
await wantBound(config, 'stock-post')
held('client_secret_post')

for (const [client, alg] of [[edClient, 'Ed25519'], [ecClient, 'ES256']]) {
  const params = alg === 'ES256' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' }
  const key = await crypto.subtle.importKey('jwk', client.jwk, params, false, ['sign'])
  config = await discover(client.id, oauth.PrivateKeyJwt(key))
  const { tokens } = await wantBound(config, `stock-jwt-${client.id}`)
  assert.equal((await oauth.tokenIntrospection(config, tokens.access_token)).active, true)
  held(`private_key_jwt with ${alg}`)
}

// What is refused, is refused in OAuth's own words.
config = await discover(secretClient.id, oauth.ClientSecretBasic('x'.repeat(40)))
assert.equal(await refused(oauth.clientCredentialsGrant(config, order('stock-refused'))), 'invalid_client')
config = await discover(secretClient.id, oauth.ClientSecretBasic(secretClient.secret))
assert.equal(await refused(oauth.clientCredentialsGrant(config, order('stock-refused'))), 'invalid_dpop_proof')
assert.equal(await refused(oauth.clientCredentialsGrant(config, {})), 'invalid_authorization_details')
assert.equal(await refused(oauth.clientCredentialsGrant(config, { ...order('stock-refused'), scope: 'all' })), 'invalid_scope')
assert.equal(await refused(oauth.clientCredentialsGrant(config, { ...order('stock-refused'), resource: 'https://elsewhere.example' })), 'invalid_target')
assert.equal(await refused(oauth.genericGrantRequest(config, 'password', order('stock-refused'))), 'unsupported_grant_type')
held('errors')

// Token exchange (RFC 8693), without a client of its own.
config = await discover(identity, oauth.None())
const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const subject = { subject_token: subjectToken, subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }
const own = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair())
const exchanged = await oauth.genericGrantRequest(config, exchange, { ...order('stock-exchange'), ...subject }, { DPoP: own })
assert.equal(exchanged.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token')
assert.equal(exchanged.authorization_details[0].agent, 'builder')
assert.equal((await ask(config, exchanged, own)).status, 200)
const changed = { ...subject, subject_token: subjectToken.slice(0, -8) + 'AAAAAAAA' }
assert.equal(await refused(oauth.genericGrantRequest(config, exchange, { ...order('stock-exchange'), ...changed }, { DPoP: own })), 'invalid_request')
held('token exchange')
