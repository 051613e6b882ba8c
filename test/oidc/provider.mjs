// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// A stock OpenID Connect provider: oidc-provider as its makers ship it, with the
// pages for trying it out. It reads what the house's redirect URI begins with from
// its standard input, prints its issuer, and ends when its standard input does.

import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { exportJWK, generateKeyPair } from 'jose'
import { Provider } from 'oidc-provider'

const algorithms = ['RS256', 'ES256', 'PS256', 'EdDSA']

const keys = await Promise.all(algorithms.map(async (alg) => {
  const { privateKey } = await generateKeyPair(alg === 'EdDSA' ? 'Ed25519' : alg, { extractable: true })
  return { ...await exportJWK(privateKey), use: 'sig', alg, kid: alg }
}))

const input = createInterface({ input: process.stdin })
const { value: redirect } = await input[Symbol.asyncIterator]().next()

const server = createServer()
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const issuer = `http://127.0.0.1:${server.address().port}`
const provider = new Provider(issuer, {
  clients: algorithms.map((alg) => ({
    client_id: `house-${alg}`,
    client_secret: 'hush-hush-hush-hush-hush-hush-hush',
    redirect_uris: [`${redirect}${alg.toLowerCase()}`],
    id_token_signed_response_alg: alg,
  })),
  jwks: { keys },
  enabledJWA: { idTokenSigningAlgValues: algorithms },
  cookies: { keys: ['only for tests'] },
  conformIdTokenClaims: false, // scopes' claims are in the ID token, and not only at the userinfo endpoint
  claims: { openid: ['sub', 'roles'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `Person ${id}`, preferred_username: `${id}@house.test`, roles: ['r-approver'] }),
  }),
})
server.on('request', provider.callback())
console.log(issuer)
process.stdin.on('end', () => process.exit(0))
