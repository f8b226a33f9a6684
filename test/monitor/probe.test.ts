import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { probe } from '../../packages/ops/src/monitor/measure/probe.ts'
import { until } from '../until.ts'
import { QUICK } from './kit.ts'
import { closing, startWorld } from './world.ts'

const TIMEOUT_MS = 400

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing(async () => {
    server.close()
    if ('closeAllConnections' in server) (server.closeAllConnections as () => void)()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
const site = async (listener: RequestListener) => `http://${await listen(createServer(listener))}/health`
const ask = (url: string) => probe({ name: 'site', url }, TIMEOUT_MS)

describe('a probe', () => {
  test.each([
    [200, true],
    [204, true],
    [302, true],
    [404, false],
    [503, false],
  ])('of status %d is up: %s', async (status, ok) => {
    const url = await site((_, response) => response.writeHead(status, { location: '/' }).end('x'))
    expect(await ask(url)).toEqual({ name: 'site', url, ok, detail: `status ${status}` })
  })

  test('with a login in its address sends it, and shows it nowhere', async () => {
    let sent: string | undefined
    const url = await site((request, response) => {
      sent = request.headers.authorization
      response.writeHead(503).end()
    })
    expect(await ask(url.replace('//', '//ops:pass@'))).toEqual({
      name: 'site',
      url,
      ok: false,
      detail: 'status 503',
    })
    expect(sent).toBe(`Basic ${Buffer.from('ops:pass').toString('base64')}`)
  })

  test('of a server that accepts and is silent, or stops in the middle of its answer, ends in time', async () => {
    const silent = createTcpServer((socket) => void socket.on('error', () => undefined))
    const half = await site(
      (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('half'),
    )
    for (const url of [`http://${await listen(silent)}/`, half])
      expect(await ask(url)).toMatchObject({ ok: false, detail: 'no answer within 0.4 s' })
  })

  test('of a server that is not there, or does not speak HTTP, names the reason', async () => {
    const server = createTcpServer((socket) => socket.end('220 hello\r\n'))
    const address = await listen(server)
    expect(await ask(`http://${address}/`)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('Parse Error'),
    })
    server.close()
    expect(await ask('http://127.0.0.1:1/')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('ECONNREFUSED'),
    })
  })
})

describe('at an address with TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-tls-'))
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  beforeAll(() => {
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
    const args = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      certificate,
      '-days',
      '6',
    ]
    execFileSync('openssl', [...args, ...subject], { stdio: 'ignore' })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const secure = async () => {
    const files = { key: readFileSync(key), cert: readFileSync(certificate) }
    return `https://${await listen(createSecureServer(files, (_, response) => void response.end('ok')))}/`
  }

  test('a certificate that no authority signed is a failure', async () => {
    expect(await ask(await secure())).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/self-signed/),
    })
  })

  test('a certificate that ends within 14 days sends a mail', async () => {
    const { smtp, monitors } = await startWorld({
      ...QUICK,
      probes: [{ name: 'gateway', url: await secure() }],
    })
    monitors.start('one', [], { NODE_EXTRA_CA_CERTS: certificate })
    await until(() => smtp.mails.length > 0, 'a mail')
    expect(smtp.mails[0]?.subject).toMatch(/^\[warning\] Certificate ends: gateway/)
    expect(smtp.mails[0]?.text).toContain('ends in 5 days')
  })

  test('a secret that was not rotated for 90 days sends a mail', async () => {
    const { smtp, monitors } = await startWorld({ ...QUICK, lastRotated: { MASTER_KEY: '2026-01-31' } })
    monitors.start('one')
    await until(() => smtp.mails.length > 0, 'a mail')
    expect(smtp.mails[0]?.subject).toMatch(/^\[warning\] Key rotation due: MASTER_KEY/)
  })
})
