import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createProxy } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI, { type ClientOptions } from 'openai'
import { workloadIdentity } from 'openai/auth/x509-transport'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { ask } from '../support.ts'
import { answer } from './matrix/answers.ts'
import { errorSeen } from './matrix/look.ts'

// Runs a client with a certificate against servers that require one, behind a proxy that leads the SDK's fixed addresses
// here. The SDK allows only its own `fetch`, so nothing is governed; nothing else may differ.

const HOSTS = ['mtls.api.openai.com', 'mtls.auth.openai.com']
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const warnings: string[] = []
beforeEach(() => {
  for (const name of ['OPENAI_API_KEY', 'OPENAI_ADMIN_KEY']) vi.stubEnv(name, undefined)
  warnings.splice(0)
  vi.spyOn(console, 'warn').mockImplementation((...words: unknown[]) => void warnings.push(words.join(' ')))
  onTestFinished(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
  })
})

/** Makes a certificate authority, and signs certificates for the servers and the client. */
function certificates() {
  const dir = mkdtempSync(join(tmpdir(), 'gateway-x509-'))
  const path = (name: string) => join(dir, name)
  const run = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  run(
    'req',
    '-x509',
    ...key,
    '-days',
    '2',
    '-subj',
    '/CN=authority',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
  )
  writeFileSync(path('names'), `subjectAltName=${HOSTS.map((host) => `DNS:${host}`).join(',')}`)
  for (const name of ['server', 'client']) {
    run('req', ...key, '-subj', `/CN=${name}`, '-keyout', path(`${name}.key`), '-out', path(`${name}.csr`))
    const signed = ['-req', '-in', path(`${name}.csr`), '-CA', path('ca.pem'), '-CAkey', path('ca.key')]
    run(
      'x509',
      ...signed,
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      path('names'),
      '-out',
      path(`${name}.pem`),
    )
  }
  const text = (name: string) => readFileSync(path(name), 'utf8')
  const pair = (name: string) => ({ cert: text(`${name}.pem`), key: text(`${name}.key`) })
  const made = { ca: text('ca.pem'), server: pair('server'), client: pair('client') }
  rmSync(dir, { recursive: true })
  return made
}

const TOKEN = {
  access_token: 'exchanged-token',
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  token_type: 'Bearer',
  expires_in: 3_600,
}

/** Starts OpenAI's two hosts and the proxy to them. `books`: the requests, with the certificate that was shown. */
async function startHosts({ ca, server }: ReturnType<typeof certificates>) {
  const books: unknown[] = []
  let status = 200
  const hosts = createServer(
    { ...server, ca, requestCert: true, rejectUnauthorized: true },
    async (request, reply) => {
      let body = ''
      for await (const piece of request) body += piece
      const { method, url = '', headers, socket } = request
      const shown = (socket as TLSSocket).getPeerCertificate().subject?.CN
      books.push({ method, url, headers, body, shown })
      reply.sendDate = false
      if (url === '/oauth/token')
        return void reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(TOKEN))
      if (status === 200) return answer(reply, 'chat', /"stream":true/.test(body))
      reply.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1' })
      return void reply.end(JSON.stringify({ error: { message: 'no', code: 'some' } }))
    },
  )
  hosts.listen(0, '127.0.0.1')
  await once(hosts, 'listening')
  const proxy = createProxy()
  proxy.on('connect', (_, socket) => {
    const there = connect((hosts.address() as AddressInfo).port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      there.pipe(socket).pipe(there)
    })
    for (const side of [there, socket]) side.on('error', () => [there, socket].map((each) => each.destroy()))
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  onTestFinished(() => {
    hosts.closeAllConnections()
    hosts.close()
    proxy.close()
  })
  return {
    proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`,
    take: () => books.splice(0),
    answerWith(next: number) {
      status = next
    },
  }
}

test.skipIf(!hasOpenssl)(
  'a client with a certificate is the bare client: the same requests over the same TLS, and the log says that it is not governed',
  async () => {
    const made = certificates()
    const hosts = await startHosts(made)
    const run = async (of: (options: ClientOptions) => OpenAI) => {
      const credential = workloadIdentity.fromX509({
        certificateChain: made.client.cert,
        privateKey: made.client.key,
        identityProviderId: 'idp_1',
        serviceAccountId: 'svc_1',
        ca: made.ca,
        proxy: { url: hosts.proxy, mode: 'http-connect' },
      })
      onTestFinished(() => credential.close())
      const client = of({ credential, maxRetries: 1 })
      const seen: unknown[] = []
      for (const of of [client, client.withOptions({ timeout: 5_000 })])
        for (const status of [200, 401, 429, 503]) {
          hosts.answerWith(status)
          for (const stream of [false, true])
            try {
              const answer = await of.chat.completions.create({ ...ask('a question'), stream })
              const parts: unknown[] = []
              if (Symbol.asyncIterator in answer) for await (const part of answer) parts.push(part)
              else parts.push(answer)
              seen.push(parts)
            } catch (error) {
              seen.push(errorSeen(error))
            }
        }
      return { seen, books: hosts.take() }
    }
    const theirs = await run((options) => new OpenAI(options))
    expect(theirs.books).toContainEqual(
      expect.objectContaining({ url: '/v1/chat/completions', shown: 'client' }),
    )
    expect(warnings).toEqual([])
    const gateway = { agent: 'a', policy: {}, redis: false } as const
    expect(await run((options) => createGatewayClient({ ...options, gateway }))).toEqual(theirs)
    expect(warnings.join('\n')).toMatch(/X\.509 .* not governed/)
  },
)
