// What a target sees of a synthetic transaction, and what is told of its answers.

import t from 'tap'
import { answer, ok, type Seen, TestTarget } from './target.ts'
import { startLab } from './lab.ts'

const SHOP = `
rate: 20
duration: 150ms
steps:
  - name: log in
    method: POST
    path: /login?who={{env.USER_NAME}}
    headers: { host: shop.example.org }
    json: { user: 'a "b"', n: 5, s: '5', on: true, list: [1, ~], secret: '{{env.TOKEN}}' }
    expect: { status: 201, headers: { x-kind: /^j/ }, json: { $.user.id: { min: 7 } } }
    capture: { id: $.user.id, token: { header: x-token }, word: '/word=(\\w+)/' }
  - name: look
    path: /users/{{token}}
    headers: { authorization: 'Bearer {{token}} {{env.TOKEN}}' }
    expect: { json: { $.id: '{{id}}', $.gone: { exists: false } }, body: ['{{word}}', /"id"/] }
  - name: pay
    method: PUT
    path: /pay
    json: { id: '{{id}}', note: 'for {{id}} and {{token}}' }
    expect: { status: [2xx, 302], time: 3s }
`
const ENV = { USER_NAME: 'ann & bob', TOKEN: 'se"cret-1' }

const PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/

await t.test('each step of a transaction reaches the target as it is written', async (t) => {
  const target = await TestTarget.start(({ line }, socket) => {
    const step = line.split(' ')[1] ?? ''
    const login = answer(201, '{"user":{"id":7},"note":"word=hello"}', {
      ...{ 'x-token': 'a/b"c', 'x-kind': 'json' },
    })
    if (step.startsWith('/login')) socket.write(login)
    else if (step.startsWith('/users')) socket.write(answer(200, '{"id":7,"say":"hello"}'))
    else socket.write(answer(302))
  })
  t.teardown(() => target.stop())
  const lab = startLab(t, { shop: SHOP }, { env: ENV })
  const report = await lab.report('shop', [target.url])
  t.same(report.failures, [])
  t.match(report, { transactions: 3, failed: 0, requests: 9, errors: 0, errorRate: 0 })
  t.match(report.result, { healthy: true, scenario: 'shop', service: 'shop', version: 'v2' })
  t.same(
    report.steps.map(({ name, requests }) => [name, requests]),
    [
      ['log in', 3],
      ['look', 3],
      ['pay', 3],
    ],
  )
  const of = (part: string): readonly Seen[] =>
    target.seen.filter(({ line }) => line.includes(part))
  const [login] = of('/login')
  t.equal(login?.line, 'POST /login?who=ann%20%26%20bob HTTP/1.1')
  t.equal(login?.headers.host, 'shop.example.org')
  t.equal(login?.headers['content-type'], 'application/json')
  t.same(JSON.parse(login?.body ?? ''), {
    ...{ user: 'a "b"', n: 5, s: '5', on: true, list: [1, null], secret: 'se"cret-1' },
  })
  const [look] = of('/users')
  t.equal(look?.line, 'GET /users/a%2Fb%22c HTTP/1.1')
  t.equal(look?.headers.authorization, 'Bearer a/b"c se"cret-1')
  t.same(JSON.parse(of('/pay')[0]?.body ?? ''), { id: 7, note: 'for 7 and a/b"c' })

  const traces = target.seen.map(({ headers }) => PARENT.exec(headers.traceparent ?? '') ?? [])
  t.equal(new Set(traces.map(([, trace]) => trace)).size, 3, 'one trace a transaction')
  t.equal(new Set(traces.map(([, , span]) => span)).size, 9, 'one span a request')
  t.ok(target.seen.every(({ headers }) => headers['x-vertex-synthetic'] === report.run))
  t.equal(new Set(target.seen.map(({ connection }) => connection)).size <= 3, true)
})

await t.test('targets take turns, and a transaction stays where it began', async (t) => {
  const targets = await Promise.all([TestTarget.start(), TestTarget.start()])
  t.teardown(() => Promise.all(targets.map((target) => target.stop())))
  const two = 'rate: 50\nduration: 100ms\nsteps: [{ path: /a }, { path: /b }]'
  const lab = startLab(t, { two })
  const report = await lab.report(
    'two',
    targets.map(({ url }) => url),
  )
  t.match(report, { transactions: 5, failed: 0 })
  const paths = targets.map(({ seen }) => {
    const traces = Map.groupBy(seen, ({ headers }) => headers.traceparent?.slice(3, 35))
    return [...traces.values()].map((of) => of.map(({ line }) => line.split(' ')[1]).join(' '))
  })
  t.same(paths, [
    ['/a /b', '/a /b', '/a /b'],
    ['/a /b', '/a /b'],
  ])
})

const FAULTS: readonly (readonly [
  string,
  string,
  Parameters<typeof TestTarget.start>[0],
  RegExp,
])[] = [
  ['never answers', '', () => {}, /: http:\S+ did not answer within 150 ms \(2 times\)$/],
  [
    'says half',
    '',
    (_, socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx'),
    /did not answer within 150 ms/,
  ],
  [
    'answers garbage',
    '',
    (_, socket) => void socket.write('SSH-2.0-OpenSSH\r\n'),
    /answered something that is not HTTP/,
  ],
  [
    'closes',
    '',
    (_, socket) => void socket.destroy(),
    /closed the connection before its answer was whole/,
  ],
  [
    'closes in the body',
    '',
    (_, socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx'),
    /closed the connection before its answer was whole/,
  ],
  [
    'fails',
    '',
    (_, socket) => void socket.write(answer(503)),
    /the status is 503, 2xx is expected/,
  ],
  [
    'says something else',
    'expect: { json: { $.a: 1 } }',
    (_, socket) => void socket.write(answer(200, '{"a":"1"}')),
    /\$\.a is "1", 1 is expected/,
  ],
  ['is no JSON', 'expect: { json: { $.a: 1 } }', ok, /the body is no JSON/],
  ['has another body', 'expect: { body: /^no/ }', ok, /the body does not hold \/\^no\/u/],
  ['lacks a header', 'expect: { headers: { x-a: b } }', ok, /the header x-a is missing/],
  ['has nothing to capture', 'capture: { id: $.id }', ok, /nothing to capture as id: \$\.id is/],
  [
    'is slow',
    'expect: { time: 1ms }',
    (seen, socket) => void setTimeout(() => ok(seen, socket), 20),
    /the answer took longer than 1 ms/,
  ],
  [
    'talks too much',
    'expect: { body: ok }',
    (_, socket) => void socket.write(answer(200, 'x'.repeat(2 ** 20 + 1))),
    /answered with more than 1 MiB/,
  ],
]

await t.test('a target that does not do its work is told with the very reason', async (t) => {
  const texts = FAULTS.map(([name, more]) => {
    const step = `steps: [{ path: /, ${more} }]`
    return [name, `rate: 40\nduration: 100ms\ntimeout: 150ms\nconnections: 8\n${step}`] as const
  })
  const lab = startLab(t, Object.fromEntries(texts))
  for (const [name, , behaviour, says] of FAULTS) {
    const target = await TestTarget.start(behaviour)
    const { failed, result, transactions } = await lab.report(name, [target.url], { rate: 20 })
    await target.stop()
    t.equal(result.healthy, false, name)
    t.same([failed, transactions], [2, 2], name)
    t.match(result.failures.at(-1), says, name)
  }
})

await t.test('what a captured value makes impossible is told, and is not the target', async (t) => {
  const target = await TestTarget.start(({ line }, socket) => {
    const isJump = line.includes('/jump')
    const location = isJump ? 'nowhere' : 'http://elsewhere.example/next?a=1'
    socket.write(answer(200, JSON.stringify({ lines: 'a\nb' }), { location }))
  })
  t.teardown(() => target.stop())
  const first = (path: string, more: string): string =>
    `rate: 10\nduration: 100ms\nsteps: [{ path: ${path}, capture: { a: $.lines, to: { header: location } } }, ${more}]`
  const lab = startLab(t, {
    follow: first('/', `{ path: '{{to}}' }`),
    jump: first('/jump', `{ path: '{{to}}' }`),
    header: first('/', `{ path: /, headers: { x: '{{a}}' } }`),
  })
  t.match(await lab.report('follow', [target.url]), { failed: 0, requests: 2 })
  t.match(target.seen.at(-1)?.line, 'GET /next?a=1 HTTP/1.1')
  const [jump, header] = [
    await lab.report('jump', [target.url]),
    await lab.report('header', [target.url]),
  ]
  t.match(jump.failures, [{ text: /^step 2: cannot be sent: its path must begin with a slash/ }])
  t.match(header.failures, [{ text: /^step 2: cannot be sent: invalid x header/ }])
})

await t.test('a target that is not there is told so', async (t) => {
  const target = await TestTarget.start()
  const { url } = target
  await target.stop()
  const lab = startLab(t, { home: 'rate: 50\nduration: 100ms\nsteps: [{ path: / }]' })
  const p99 = { metric: 'p99_latency', threshold: 50 } as const
  const report = await lab.report('home', [url], { assertions: [p99] })
  // On a busy machine the thread says that it stood still, too.
  t.match(report.result.failures, [
    'p99_latency is not known as nothing was answered, at most 50 ms is asked',
    `5 of 5 transactions failed: ${url} refused the connection (ECONNREFUSED) (5 times)`,
  ])
  t.match(report, { errorRate: 1, latency: null, throughput: 0 })
})

await t.test('a secret is in the request and in nothing that is told', async (t) => {
  const target = await TestTarget.start(({ headers, line }, socket) => {
    const said = { got: headers.authorization, at: line.split(' ')[1] }
    socket.write(answer(200, JSON.stringify(said), { 'x-echo': headers.authorization ?? '' }))
  })
  t.teardown(() => target.stop())
  const step = (expect: string): string =>
    `rate: 20\nduration: 100ms\nsteps: [{ path: '/{{env.TOKEN}}', headers: { authorization: '{{env.TOKEN}}' }, expect: ${expect} }]`
  const lab = startLab(
    t,
    {
      json: step('{ json: { $.got: nothing } }'),
      path: step('{ json: { $.at: nothing } }'),
      own: step(`{ json: { $.at: 'so {{env.TOKEN}}' } }`),
      header: step('{ headers: { x-echo: nothing } }'),
      body: step(`{ body: 'x{{env.TOKEN}}' }`),
    },
    { env: { TOKEN: 'pass "word" & more' } },
  )
  for (const name of ['json', 'path', 'own', 'header', 'body']) {
    const report = await lab.report(name, [target.url])
    t.equal(target.seen.at(-1)?.headers.authorization, 'pass "word" & more')
    t.match(report.result.failures[0], /\*\*\*/, name)
    t.notMatch(JSON.stringify(report), /pass|word|more/, name)
  }
})

await t.test('what is captured, or longer than anything that is told, is not told', async (t) => {
  const long = 'S3CRET'.repeat(2000)
  const token = 'tok_4711_abc'
  const target = await TestTarget.start(({ headers, line }, socket) => {
    const body = line.includes('/long')
      ? { got: headers.authorization }
      : { token, session: { csrf: [`csrf-of-${token}`] }, id: 12 }
    socket.write(answer(200, JSON.stringify(body), { 'x-token': token }))
  })
  t.teardown(() => target.stop())
  const head = 'rate: 20\nduration: 100ms\nsteps: '
  const capture = 'capture: { token: $.token, session: $.session }'
  const lab = startLab(
    t,
    {
      long: `${head}[{ path: /long, headers: { authorization: '{{env.TOKEN}}' }, expect: { json: { $.got: x } } }]`,
      same: `${head}[{ path: /, expect: { json: { $.token: '/^[0-9]+$/' } }, ${capture} }]`,
      header: `${head}[{ path: /, expect: { headers: { x-token: x } }, capture: { a: { header: x-token } } }]`,
      within: `${head}[{ path: /, expect: { json: { $.session: 1 } }, ${capture} }]`,
      later: `${head}[{ path: /, ${capture} }, { path: /, expect: { json: { $.session: '{{token}}' } } }]`,
    },
    { env: { TOKEN: long } },
  )
  for (const name of ['long', 'same', 'header', 'within', 'later']) {
    const { failures } = await lab.report(name, [target.url])
    t.match(failures[0]?.text, /\*\*\*/, name)
    t.notMatch(JSON.stringify(failures), /S3CRET|tok_|csrf-/, name)
  }
})
