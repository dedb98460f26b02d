import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { AdminClient, problemLine } from '../../src/cli/admin-client.ts'
import type { Answer, Command } from '../../src/core/command.ts'
import {
  entry,
  obliging,
  serviceAnswer,
  serviceView,
  startAdmin,
  versionView,
} from '../admin/harness.ts'
import { CommandLine } from './command-line.ts'
import { cli as start, cliLines, type Ran, type RunOptions } from './run-cli.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
const env = { VERTEX_ADMIN: admin.url }
const staying = new CommandLine(env)
t.teardown(() => staying.end())

/** Runs a line in the process that stays, or in one of its own where its environment is another. */
function cli(line: string, options: RunOptions): Promise<Ran> {
  return options.env === env ? staying.run(line) : start(line, options)
}

const both = (command: Command): Answer => {
  const shop = serviceView('shop')
  return command.do === 'services'
    ? { ok: true, answer: 'services', services: [shop, serviceView('cart')] }
    : obliging(command)
}

await t.test('each verb asks for one change, of the only service when none is named', async (t) => {
  const ifMatch = null
  const of = { service: 'shop', ifMatch }
  const target = 'http://127.0.0.1:9003'
  const lines: readonly (readonly [string, Command])[] = [
    ['weight 12.5', { ...of, do: 'weight', weight: 1250, force: false, ifMatch: 7 }],
    [
      'weight shop 5% --force --revision 6',
      { ...of, do: 'weight', weight: 500, force: true, ifMatch: 6 },
    ],
    [
      `deploy v3 --target ${target} -t ${target}`,
      {
        ...of,
        do: 'deploy',
        version: 'v3',
        targets: [target, target],
        replace: false,
        strategy: null,
      },
    ],
    [
      'deploy shop v3 --replace',
      { ...of, do: 'deploy', version: 'v3', targets: [], replace: true, strategy: null },
    ],
    ['promote', { ...of, do: 'promote', full: false }],
    ['promote shop --full', { ...of, do: 'promote', full: true }],
    ['pause', { ...of, do: 'pause' }],
    ['resume --revision 7', { ...of, do: 'resume', ifMatch: 7 }],
    ['abort shop', { ...of, do: 'abort' }],
    ['rollback', { ...of, do: 'rollback', force: false }],
    ['rollback --force', { ...of, do: 'rollback', force: true }],
    ['retry v2', { ...of, do: 'retry', version: 'v2' }],
    [
      'targets shop v2 -t http://h:1',
      { ...of, do: 'targets', version: 'v2', targets: ['http://h:1'] },
    ],
  ]
  admin.asked.length = 0
  await cliLines(
    lines.map(([line]) => line),
    { env },
  )
  const changes = admin.asked.filter(({ do: verb }) => verb !== 'services' && verb !== 'service')
  for (const [i, [line, command]] of lines.entries()) t.same(changes[i], command, line)
  t.equal(changes.length, lines.length)
})

await t.test('a change says what was done; as JSON it is the answer', async (t) => {
  const [table, json] = await Promise.all([cli('pause', { env }), cli('pause -o json', { env })])
  t.equal(table.code, 0)
  t.match(table.stdout, /^did pause\nshop: stable v1 at 95 %, candidate v2 at 5 %, shifting/)
  t.match(JSON.parse(json.stdout), { name: 'shop', note: 'did pause', revision: 7 })
})

await t.test('a refusal is one line on stderr with what is allowed, and exit 1', async (t) => {
  const ran = await cli('abort nope', { env })
  t.equal(ran.code, 1)
  t.equal(
    ran.stderr,
    'Cannot find the service as it is not configured: current value is nope (allowed: shop)\n',
  )
  t.equal(ran.stdout, '')
})

await t.test('a mistake in the command line is exit 2 and asks nobody', async (t) => {
  admin.asked.length = 0
  const lines = [
    '',
    'statu',
    'weight',
    'weight 101',
    'weight 1.234',
    'weight -5',
    'weight shop 5 6',
    'targets v2',
    'status --output yaml',
    'status --interval soon',
    'status --admin ftp://h',
    'promote --partly',
    'journal -n 1001',
    'deploy v3 --wait --timeout 0',
    'completion tcsh',
    'status --token-file /nowhere/at/all',
  ]
  const all = await cliLines(lines, { env })
  for (const [i, ran] of all.entries()) {
    t.equal(ran.code, 2, String(lines[i]))
    if (lines[i] !== '') t.match(ran.stderr, /^Cannot [^\n]+\n$/, ran.stderr)
  }
  t.same(admin.asked, [])
})

await t.test('among several services one must be named', async (t) => {
  admin.answer = both
  const ran = await cli('pause', { env })
  admin.answer = obliging
  t.equal(ran.code, 2)
  t.equal(ran.stderr, 'Cannot choose a service as there are 2: name one of shop, cart\n')
})

await t.test('a node that is not there is exit 6', async (t) => {
  const gone = await startAdmin()
  await gone.stop()
  const lines = ['status', 'weight 5', 'deploy v3', 'abort shop', 'journal', 'healthcheck']
  const all = await cliLines(lines, { env: { VERTEX_ADMIN: gone.url } })
  for (const [i, ran] of all.entries()) {
    t.equal(ran.code, 6, String(lines[i]))
    t.match(ran.stderr, /^Cannot reach the admin API [^\n]*ECONNREFUSED\)\n$/)
  }
  const unnamed = new AdminClient({ url: gone.url, token: null, hint: 'Name it with --admin' })
  const got = await unnamed.node()
  await unnamed.close()
  t.match(got, { ok: false, exit: 6, line: /ECONNREFUSED\)\. Name it with --admin$/ })
})

await t.test('the token comes from a file or the environment', async (t) => {
  const locked = await startAdmin({ token: 's3cret' })
  t.teardown(() => locked.stop())
  const file = join(locked.stateDir, 'token')
  await writeFile(file, 's3cret\n')
  const ask = (line: string, more: Record<string, string>) => {
    return cli(line, { env: { VERTEX_ADMIN: locked.url, ...more } })
  }
  const [none, wrong, value, fromFile, flag] = await Promise.all([
    ask('status', {}),
    ask('status', { VERTEX_ADMIN_TOKEN: 'wrong' }),
    ask('status', { VERTEX_ADMIN_TOKEN: 's3cret' }),
    ask('status', { VERTEX_ADMIN_TOKEN_FILE: file }),
    ask(`status --token-file ${file}`, { VERTEX_ADMIN_TOKEN: 'wrong' }),
  ])
  t.same([none.code, wrong.code, value.code, fromFile.code, flag.code], [1, 1, 0, 0, 0])
  t.match(
    none.stderr,
    /^Cannot [^\n]*token[^\n]*\. Give it with --token-file or VERTEX_ADMIN_TOKEN\n$/,
  )
})

await t.test('a refusal says how to go on by the command line, where that is known', (t) => {
  const line = (code: string, more: object = {}): string => {
    const body = { type: `urn:vertex:problem:${code}`, detail: 'Cannot deploy v3', ...more }
    return problemLine({ status: 409, text: JSON.stringify(body) })
  }
  t.equal(line('rollout-running'), 'Cannot deploy v3. In one step: --replace')
  const allowed = { allowed: ['v1', 'v2'] }
  t.equal(line('unknown-version', allowed), 'Cannot deploy v3 (allowed: v1, v2)')
  t.end()
})

await t.test('healthcheck tells ready from not ready', async (t) => {
  t.equal((await cli('healthcheck', { env })).code, 0)
  admin.answer = () => ({
    ok: false,
    problem: { status: 503, code: 'x', title: 'X', detail: 'Cannot take traffic as …' },
  })
  const [ready, live] = await Promise.all([
    cli('healthcheck', { env }),
    cli('healthcheck --live', { env }),
  ])
  admin.answer = obliging
  t.same([ready.code, ready.stderr], [1, 'Cannot take traffic as …\n'])
  t.same([live.code, live.stdout], [0, 'ok\n'])
})

await t.test('the journal is printed, without counters unless asked', async (t) => {
  const entries = [
    entry(1, { kind: 'rollout', text: 'v2 begins' }),
    entry(2, { kind: 'evidence', text: 'counters' }),
    entry(3, { kind: 'rolled-back', text: 'v2 is out' }),
  ]
  const text = entries.map((one) => `${JSON.stringify(one)}\n`).join('')
  await writeFile(join(admin.stateDir, 'journal.jsonl'), text)
  const [plain, all, one] = await Promise.all([
    cli('journal', { env }),
    cli('journal shop --all -o json', { env }),
    cli('journal -n 1', { env }),
  ])
  t.match(plain.stdout, /rollout .*v2 begins\n.*rolled-back .*v2 is out\n$/)
  t.notMatch(plain.stdout, /counters/)
  t.same(
    all.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).seq),
    [1, 2, 3],
  )
  t.match(one.stdout, /^[^\n]*v2 is out\n$/)
  const [nobody, followed] = await cliLines(['journal nosvc', 'journal -f nosvc'], { env })
  for (const ran of [nobody, followed]) {
    t.equal(ran?.code, 1, 'a service that is not known is no empty journal')
    t.match(ran?.stderr, /^Cannot find the service [^\n]* nosvc \(allowed: shop\)\n$/)
  }
})

await t.test('the help shows defaults as they would be written', async (t) => {
  const [status, deploy, journal] = await cliLines([
    'status --help',
    'deploy --help',
    'journal --help',
  ])
  t.match(status?.stdout, /--interval [^\n]*\(default: 1s\)/)
  t.match(deploy?.stdout, /--timeout [^\n]*\(default: 1h\)/)
  t.match(journal?.stdout, /at most 1000 \(default: 20\)/)
  for (const help of [status, deploy, journal]) {
    t.equal(help?.code, 0)
    t.notMatch(help?.stdout, /default: (false|\[\])/)
  }
})

await t.test('deploy --wait tells by its exit code how the rollout ended', async (t) => {
  const running = serviceView('shop')
  const ended = (ending: 'promoted' | 'rolled-back' | 'aborted' | 'superseded') => {
    const end = { id: 'shop-1', ending, reason: `it was ${ending}`, explanation: null }
    return serviceView('shop', { rollout: null, candidate: null, ended: end })
  }
  let looks = 0
  const play = async (end: Answer | null, line = 'deploy v2 --wait') => {
    looks = 0
    admin.answer = (command) => {
      if (command.do !== 'service') return obliging(command)
      looks++
      return looks < 3 || end === null ? serviceAnswer(running) : end
    }
    return cli(line, { env })
  }
  for (const [ending, code] of [
    ['promoted', 0],
    ['rolled-back', 4],
    ['aborted', 4],
    ['superseded', 1],
  ] as const) {
    const ran = await play(serviceAnswer(ended(ending)))
    t.equal(ran.code, code, ending)
    t.match(ran.stdout, `shop-1 ${ending}: it was ${ending}`)
  }
  const late = await play(null, 'deploy v2 --wait --timeout 600ms')
  t.equal(late.code, 5)
  t.match(late.stderr, /Cannot wait longer .* shop-1 has not ended within 0.6 s/)
  admin.answer = obliging
})

await t.test('deploying what is stable already is done at once', async (t) => {
  const stable = versionView('v9', 100)
  const service = serviceView('shop', { rollout: null, candidate: null, stable })
  admin.answer = (command) => {
    return command.do === 'deploy'
      ? serviceAnswer(service, 'v9 is stable already')
      : obliging(command)
  }
  const ran = await cli('deploy v9 --wait', { env })
  t.equal(ran.code, 0)
  t.match(ran.stdout, /^v9 is stable already\n/)
  const busy = serviceView('shop', { stable })
  admin.answer = (command) => {
    return command.do === 'deploy' ? serviceAnswer(busy, 'v9 is stable already') : obliging(command)
  }
  const beside = await cli('deploy v9 --wait --timeout 300ms', { env })
  admin.answer = obliging
  t.equal(beside.code, 0, 'the rollout that runs is of another version')
})

await t.test('version and completion need no node', async (t) => {
  const [version, flag, bash, zsh, fish] = await Promise.all(
    ['version', '--version', 'completion bash', 'completion zsh', 'completion fish'].map((line) => {
      return cli(line, { env: { VERTEX_ADMIN: 'http://127.0.0.1:1' } })
    }),
  )
  t.match(version?.stdout, /^vertex \d+\.\d+\.\d+ \(node \d/)
  t.match(flag?.stdout, /^\d+\.\d+\.\d+\n$/)
  for (const script of [bash, zsh, fish]) {
    t.equal(script?.code, 0)
    t.match(script?.stdout, /rollback/)
  }
})
