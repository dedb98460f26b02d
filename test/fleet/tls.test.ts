// Redis behind TLS: the server must prove its name, and the node proves its own where it is asked.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { freePort } from '../../bench/lab/free-port.ts'
import type { TlsOptions } from '../../src/fleet/options.ts'
import { fleetNode, leads, single } from './fleet-node.ts'
import { RedisServer } from './redis-server.ts'

const run = promisify(execFile)

/** An authority of the test's own and a certificate that it gave to `redis.test`. */
async function certificates(directory: string) {
  const path = (name: string): string => join(directory, name)
  const openssl = (...args: readonly string[]) => run('openssl', args, { timeout: 10_000 })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const ca = ['-x509', ...key, '-keyout', path('ca.key'), '-out', path('ca.crt'), '-days', '2']
  await openssl('req', ...ca, '-subj', '/CN=test authority')
  const request = [...key, '-keyout', path('redis.key'), '-out', path('redis.csr')]
  await openssl('req', ...request, '-subj', '/CN=redis.test')
  await writeFile(path('names'), 'subjectAltName=DNS:redis.test\n')
  const authority = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial']
  const names = ['-extfile', path('names'), '-days', '2']
  await openssl(
    ...['x509', '-req', '-in', path('redis.csr'), '-out', path('redis.crt')],
    ...authority,
    ...names,
  )
  const [authorityText, certText, keyText] = await Promise.all(
    ['ca.crt', 'redis.crt', 'redis.key'].map((name) => readFile(path(name), 'utf8')),
  )
  return { path, ca: authorityText ?? '', cert: certText ?? '', key: keyText ?? '' }
}

await t.test('a fleet by TLS', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'vertex-tls-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const { path, ca, cert, key } = await certificates(directory)
  const port = await freePort()
  await RedisServer.start(t, {
    lines: [
      `tls-port ${port}`,
      `tls-cert-file ${path('redis.crt')}`,
      `tls-key-file ${path('redis.key')}`,
      `tls-ca-cert-file ${path('ca.crt')}`,
      'tls-auth-clients yes',
    ],
  })
  const right: TlsOptions = { ca, cert, key, serverName: 'redis.test' }
  const told = async (tls: TlsOptions | null, node: string): Promise<string> => {
    const { fleet } = await fleetNode(t, { node, redis: { ...single(port), tls } })
    const { degraded } = fleet.knowledge()
    await fleet.close()
    return degraded.join('\n')
  }
  const node = await fleetNode(t, { node: 'a', redis: { ...single(port), tls: right } })
  await leads(node)
  t.equal(node.fleet.knowledge().redis, `rediss://127.0.0.1:${port}/0`)

  const untrusted = /as its certificate is not trusted: /
  t.match(await told({ ...right, ca: null }, 'b'), untrusted, 'an unknown authority')
  t.match(await told({ ...right, serverName: null }, 'c'), untrusted, 'another name')
  t.match(await told({ ...right, cert: null, key: null }, 'd'), /Cannot reach/, 'no proof of ours')
  t.match(await told(null, 'e'), /Cannot reach Redis/, 'no TLS')
})
