// The fleet block: the three ways to a Redis, who logs in there and how, TLS, and that no secret
// of it is shown. What is refused stands in mistakes.txt.

import { generateKeyPairSync } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { FleetConfig } from '../../src/config/config.ts'
import { fleetOf } from '../../src/config/fleet.ts'
import { loadConfig } from '../../src/config/load.ts'
import { formatMistake } from '../../src/config/mistake.ts'
import { readRedisUrl, redisUrlObjection } from '../../src/config/redis-url.ts'
import { BASE, configOf, directory } from './fixture.ts'
import { CERTIFICATE, KEY } from './pem.ts'

/** The fleet of a file that must load, with other files beside it. */
function fleetFrom(t: Test, block: string, files: Readonly<Record<string, string>> = {}) {
  const loaded = loadBeside(t, block, files)
  if ('mistakes' in loaded) throw new Error(loaded.mistakes.map(formatMistake).join('\n'))
  return loaded.config.fleet
}

function loadBeside(t: Test, block: string, files: Readonly<Record<string, string>>) {
  const folder = directory(t)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const file = join(folder, 'vertex.yaml')
  writeFileSync(file, `${BASE}fleet:\n  node: edge-1\n${block}`)
  return loadConfig({ file, env: { REDIS_PASSWORD: 'hunter2' } })
}

const ALONE = { node: 'edge-1', prefix: 'vertex:', username: null, password: null }
const PLAIN = { ca: null, cert: null, key: null, serverName: null }

await t.test('without the block a node works alone', async (t) => {
  t.equal(configOf(t, BASE).fleet, null)
})

await t.test('a single Redis, by its URL', async (t) => {
  t.strictSame(fleetFrom(t, '  redis: redis://redis-1\n'), {
    ...ALONE,
    redis: { kind: 'single', host: 'redis-1', port: 6379, db: 0, tls: null },
  } satisfies FleetConfig)
  const whole = "  redis: 'rediss://me:a%40b%2Fc@[::1]:6380/3'\n  prefix: 'shop/vertex:'\n"
  t.strictSame(fleetFrom(t, whole), {
    ...{ node: 'edge-1', prefix: 'shop/vertex:', username: 'me', password: 'a@b/c' },
    redis: { kind: 'single', host: '::1', port: 6380, db: 3, tls: PLAIN },
  } satisfies FleetConfig)
})

await t.test('a Redis behind sentinels, which have a login of their own', async (t) => {
  const block = `  sentinel:
    name: shop
    nodes: [redis-1:26379, '[::1]:26380']
    username: watcher
    password_file: watchers
  db: 2
  username: vertex
  password: \${REDIS_PASSWORD}
  tls: on
`
  const sentinels = [
    { host: 'redis-1', port: 26379 },
    { host: '::1', port: 26380 },
  ]
  t.strictSame(fleetFrom(t, block, { watchers: 'of the sentinels\n' }), {
    ...{ node: 'edge-1', prefix: 'vertex:', username: 'vertex', password: 'hunter2' },
    redis: {
      ...{ kind: 'sentinel', name: 'shop', sentinels, db: 2, tls: PLAIN },
      ...{ sentinelUsername: 'watcher', sentinelPassword: 'of the sentinels' },
    },
  } satisfies FleetConfig)
  t.match(fleetFrom(t, '  sentinel: { nodes: [redis-1:26379] }\n'), {
    redis: { name: 'mymaster', db: 0, tls: null, sentinelUsername: null, sentinelPassword: null },
  })
})

await t.test('a Redis Cluster, with the password in a file', async (t) => {
  const block = '  cluster: [a:7000, b:7000]\n  password_file: secret\n  tls: {}\n'
  const nodes = ['a', 'b'].map((host) => ({ host, port: 7000 }))
  t.strictSame(fleetFrom(t, block, { secret: ' hunter2\n' }), {
    ...{ node: 'edge-1', prefix: 'vertex:', username: null, password: 'hunter2' },
    redis: { kind: 'cluster', nodes, tls: PLAIN },
  } satisfies FleetConfig)
})

await t.test('a user in the URL may have its password elsewhere, and the other way', async (t) => {
  const apart = '  redis: redis://me@redis\n  password: hunter2\n'
  t.match(fleetFrom(t, apart), { username: 'me', password: 'hunter2' })
  const other = '  redis: redis://:hunter2@redis\n  username: me\n  db: 4\n'
  t.match(fleetFrom(t, other), { username: 'me', password: 'hunter2', redis: { db: 4 } })
})

await t.test('TLS by files, of which the contents count', async (t) => {
  const block = `  redis: redis://redis
  tls: { ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem, server_name: redis.test }
`
  const files = { 'ca.pem': `of ours\n${CERTIFICATE}`, 'cert.pem': CERTIFICATE, 'key.pem': KEY }
  const tls = {
    ...{ ca: files['ca.pem'], cert: CERTIFICATE, key: KEY },
    serverName: 'redis.test',
  }
  t.match(fleetFrom(t, block, files), { redis: { kind: 'single', tls } })

  const says = (changed: Partial<typeof files>): readonly string[] => {
    const loaded = loadBeside(t, block, { ...files, ...changed })
    return 'mistakes' in loaded ? loaded.mistakes.map(({ message }) => message) : []
  }
  const content = (key: string, rule: string): string =>
    `Cannot take the content of the file of fleet.tls.${key} as it must be ${rule}: ` +
    'current value is not shown here'
  t.strictSame(says({ 'ca.pem': 'hunter2' }), [content('ca_file', 'a certificate in PEM')])
  t.strictSame(says({ 'cert.pem': KEY }), [content('cert_file', 'a certificate in PEM')])
  const cipher = { cipher: 'aes-256-cbc', passphrase: 'hunter2' }
  const encoding = { type: 'pkcs8', format: 'pem' } as const
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const locked = privateKey.export({ ...encoding, ...cipher }).toString()
  const unlocked = 'a private key in PEM without a passphrase'
  t.strictSame(says({ 'key.pem': locked }), [content('key_file', unlocked)])
  t.strictSame(says({ 'key.pem': privateKey.export(encoding).toString() }), [
    'Cannot use fleet.tls.key_file as it is not the key of the certificate in fleet.tls.cert_file',
  ])
})

await t.test('a node is called as its host, where that is a name', async (t) => {
  const mistakes: string[] = []
  const context = {
    ...{ file: '/etc/vertex.yaml', isWritten: (at: string) => at === '/fleet/redis' },
    report: (pointer: string, message: string) => mistakes.push(`${pointer}: ${message}`),
  }
  const nameOn = (host: string) => fleetOf({ redis: 'redis://r' }, { ...context, host })?.node
  t.equal(nameOn('Edge-1.shop_7'), 'Edge-1.shop_7')
  t.equal(nameOn('n'.repeat(63)), 'n'.repeat(63))
  t.strictSame(mistakes, [])
  for (const host of ['', '__proto__', '-edge', "Ann's Mac", 'n'.repeat(64)]) nameOn(host)
  t.equal(mistakes.length, 5)
  t.match(mistakes[3], /^\/fleet: .* as it must be 1 to 63 .* "Ann's Mac". Set fleet.node$/)
  const found = configOf(t, `${BASE}fleet: { redis: redis://r }\n`).fleet?.node
  t.equal(found, hostname())
})

await t.test('URLs of a Redis', async (t) => {
  for (const [text, place] of [
    ['redis://h', { host: 'h', port: 6379, db: null, username: null, password: null, tls: false }],
    ['REDISS://h:1/', { host: 'h', port: 1, db: null, tls: true }],
    ['redis://[::1]/0', { host: '::1', port: 6379, db: 0 }],
    ['redis://:a:b%25@h', { username: null, password: 'a:b%' }],
    ['redis://me:@h', { username: 'me', password: null }],
    ['redis://@h', { username: null, password: null }],
  ] as const) {
    t.match(readRedisUrl(text), place, text)
    t.equal(redisUrlObjection(text), undefined, text)
  }
  const wrong =
    'redis:h redis:// redis://h:0 redis://h:65536 redis://h/x redis://h/65536 redis://h/0/1 ' +
    'redis://h?a redis://h#a redis://a@b@h redis://a:%@h redis://a:%00@h redis://a%20b:c@h ' +
    'redis://1.2.3 redis://:6379 redis://a:b:1 redis://::1 unix:///redis.sock http://h'
  for (const text of wrong.split(' ')) t.equal(readRedisUrl(text), undefined, text)
})

await t.test('secrets are in no message and in nothing that is printed', async (t) => {
  const folder = directory(t)
  const file = join(folder, 'vertex.yaml')
  const door = join(import.meta.dirname, '..', '..', 'bin', 'vertex.js')
  const validate = (...more: readonly string[]): string => {
    const options = { encoding: 'utf8', env: {} } as const
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [door, 'validate', '-c', file, ...more],
      options,
    )
    return stdout + stderr
  }
  writeFileSync(file, `${BASE}fleet: { node: e, redis: 'rediss://me:hunter2@redis/1' }\n`)
  t.match(validate(), 'fleet: node e, Redis at redis:6379, database 1 with TLS\n')
  t.notMatch(validate() + validate('-o', 'json'), 'hunter2')

  writeFileSync(join(folder, 'secret'), 'hunter2\nhunter3')
  for (const block of [
    "redis: 'redis://me:hunter2@redis:0'",
    "redis: 'redis://me:hun ter2@redis'",
    "redis: 'me:hunter2@redis'",
    "redis: ['redis://me:hunter2@redis']",
    "cluster: ['redis://me:hun/hunter2@redis:1']",
    'redis: redis://r, password: { a: hunter2 }',
    'redis: redis://r, password: [hunter2]',
    'redis: redis://r, password: "hunter2\\n"',
    'redis: redis://r, password: hunter2, password_file: secret',
    'redis: redis://:hunter2@r, password: hunter2',
    'redis: redis://r, password_file: secret',
    'redis: redis://hunter2@r',
    'redis: redis://r, pasword: hunter2',
    'sentinel: { nodes: [redis:1], password: "hunter2\\0" }',
    'sentinel: { nodes: [redis:1], password: hunter2, username: a b }',
    'redis: redis://r, tls: { ca_file: secret }',
    'redis: redis://r, password: }}hunter2',
  ]) {
    writeFileSync(file, `${BASE}fleet: { ${block} }\n`)
    const loaded = loadConfig({ file, env: {} })
    const says = 'mistakes' in loaded ? loaded.mistakes.map(formatMistake).join('\n') : ''
    t.match(says, 'Cannot', block)
    t.notMatch(says, /ter[23]/, block)
  }
})
